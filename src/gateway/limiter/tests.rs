use super::*;

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

fn refused(ms: &'static str) -> (StatusCode, HeaderMap) {
    let mut headers = HeaderMap::new();
    headers.insert("retry-after-ms", ms.parse().unwrap());
    (StatusCode::TOO_MANY_REQUESTS, headers)
}

#[test]
fn a_refusal_of_one_holds_the_others_and_lets_them_go_again() {
    runtime().block_on(async {
        let limiter = Arc::new(Limiter::default());
        let agent = AgentId::from("ag-01");
        let first = limiter.pass("p", "m", &agent, || panic!("at once")).await.ok().unwrap();
        let (status, headers) = refused("400");
        let begun = Instant::now();
        first.answered(status, &headers);
        // Other models and providers are not concerned.
        for (provider, model) in [("p", "n"), ("q", "m")] {
            assert!(limiter.pass(provider, model, &agent, || panic!("at once")).await.is_ok());
        }
        let calls: Vec<_> = (0..6)
            .map(|n| {
                let (limiter, mut told) = (limiter.clone(), false);
                tokio::spawn(async move {
                    let agent = AgentId::from(format!("ag-{n}").as_str());
                    let permit = limiter.pass("p", "m", &agent, || told = true).await.ok().unwrap();
                    assert!(told);
                    let at = Instant::now();
                    permit.answered(StatusCode::OK, &HeaderMap::new());
                    at
                })
            })
            .collect();
        let mut times = Vec::new();
        for call in calls {
            times.push(call.await.unwrap());
        }
        times.sort();
        assert!(times[0] - begun >= Duration::from_millis(400));
        assert!(times.windows(2).all(|pair| pair[1] - pair[0] >= Duration::from_millis(20)));
    });
}

#[test]
fn nobody_waits_for_what_is_too_late() {
    runtime().block_on(async {
        let limiter = Limiter::default();
        let agent = AgentId::from("ag-01");
        let first = limiter.pass("p", "m", &agent, || {}).await.ok().unwrap();
        let (status, headers) = refused("600000");
        first.answered(status, &headers);
        let late = limiter.pass("p", "m", &agent, || panic!("no wait")).await;
        let seconds = late.err().unwrap().seconds;
        assert!((599..=631).contains(&seconds), "{seconds}");
        // One that never answers leaves its place to the next.
        let first = limiter.pass("p", "n", &agent, || {}).await.ok().unwrap();
        let (status, headers) = refused("1");
        first.answered(status, &headers);
        let slow = limiter.pass("p", "n", &agent, || {}).await.ok().unwrap();
        let soon = Duration::from_millis(30);
        let told = limiter.pass_within(soon, ("p", "n"), &agent, || {}).await;
        assert_eq!(told.err(), Some(TooLong { seconds: 1 }));
        drop(slow);
        assert!(limiter.pass("p", "n", &agent, || {}).await.is_ok());
    });
}

#[test]
fn models_that_do_not_matter_are_forgotten() {
    runtime().block_on(async {
        let limiter = Limiter::default();
        let agent = AgentId::from("ag-01");
        let limited = limiter.pass("p", "limited", &agent, || {}).await.ok().unwrap();
        let (status, headers) = refused("600000");
        limited.answered(status, &headers);
        for n in 0..3 * DOORS {
            let permit = limiter.pass("p", &n.to_string(), &agent, || {}).await.ok().unwrap();
            permit.answered(StatusCode::OK, &HeaderMap::new());
        }
        assert!(limiter.models.lock().unwrap().len() <= DOORS);
        assert!(limiter.pass("p", "limited", &agent, || {}).await.is_err());
    });
}
