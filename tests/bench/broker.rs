//! A command that the broker runs for an agent: from its words to the verdict, and to its end.

use crate::{
    Options,
    child::{now, save},
    table::{Sample, Table, Target},
    tools,
    wait::eventually,
    world::{World, set_mode},
};
use dash::{
    model::BROKER_LINK,
    protocol::{
        broker::{FromBroker, ToBroker},
        frame::{Decoder, Frame, encode_control, recv_frame, send_with_fds},
    },
};
use std::{
    fs,
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// Commands whose verdict is timed: enough that the slowest hundredth is more than one.
const VERDICTS: usize = 500;

pub fn measure(options: &Options, table: &mut Table) {
    let Some(bwrap) = tools::find("bwrap") else { return };
    let world = World::new();
    let bin = world.path().join("bin");
    fs::create_dir(&bin).unwrap();
    let program = bin.join("quick");
    fs::copy("/bin/true", &program).unwrap();
    set_mode(&program, 0o755);
    let policy = format!(
        "[[rule]]\nname = \"no\"\ncommand = [\"quick\", \"no\"]\nexecutable = \"{}\"\n\
         verdict = \"deny\"\nreason = \"it is measured\"\n",
        program.display()
    );
    fs::write(world.path().join("config/dash/policy.toml"), policy).unwrap();
    let own = std::env::current_exe().unwrap();
    let run = |kind: &str, count: usize| -> Vec<f64> {
        let report = world.work.join(kind);
        let (count, read) = (count.to_string(), own.parent().unwrap().display().to_string());
        let mut args = vec!["swarm", "create", "--agents", "1", "--read", &read, "--"];
        args.extend([own.to_str().unwrap(), "--child", kind, program.to_str().unwrap(), &count]);
        args.push(kind);
        world.ok(&args);
        let text = eventually("the agent's report", || fs::read_to_string(&report).ok());
        fs::remove_file(report).unwrap();
        text.lines().map(|line| line.parse::<f64>().unwrap() / 1e6).collect()
    };
    let mut verdicts = Sample::default();
    run("verdicts", VERDICTS).into_iter().for_each(|ms| verdicts.push(ms));
    let p99 = verdicts.quantile(0.99);
    let words = format!("p99 {p99:.2} ≤ 5");
    let what = "verdict on a brokered command";
    table.alone(what, "ms", verdicts, Target::Words(words, p99 <= 5.0));

    let (mut brokered, mut bare) = (Sample::default(), Sample::default());
    for _ in 0..options.reps {
        run("runs", 20).into_iter().for_each(|ms| brokered.push(ms));
        (0..20).for_each(|_| bare.push(bare_once(&bwrap, &program)));
    }
    let times = brokered.median() / bare.median();
    let words = format!("{times:.1} ≤ 3 times bare");
    let none = Sample::default;
    table.row(
        "a brokered command (beside: in a bare bubblewrap)",
        "ms",
        [brokered, bare, none(), none()],
        Target::Words(words, times <= 3.0),
    );
}

/// Milliseconds of the same program in a bubblewrap with the same namespaces.
fn bare_once(bwrap: &Path, program: &Path) -> f64 {
    let mut command = Command::new(bwrap);
    command.args(["--unshare-all", "--unshare-user", "--die-with-parent", "--ro-bind"]);
    command.args(["/", "/", "--proc", "/proc", "--dev", "/dev"]).arg(program).arg("yes");
    timed(&mut command) as f64 / 1e6
}

/// Nanoseconds to the end of `command`, which must end well.
fn timed(command: &mut Command) -> u64 {
    let begun = now();
    let status = command.stdin(Stdio::null()).status().unwrap();
    assert!(status.success());
    now() - begun
}

/// Inside an agent: the time to each verdict, without the front's own start.
pub fn verdicts(program: &Path, count: usize, report: &Path) {
    let times = (0..count).map(|_| {
        let begun = now();
        let answer = ask(program);
        let taken = now() - begun;
        assert!(matches!(answer, FromBroker::Refused { ref why } if why.contains("measured")));
        taken
    });
    save(report, &lines(times));
}

fn ask(program: &Path) -> FromBroker {
    let argv = ["quick", "no"].map(str::to_owned).to_vec();
    let cwd = std::env::current_dir().unwrap();
    let wanted = ToBroker::Run { place: PathBuf::from(program), argv, cwd, env: Vec::new() };
    let mut request = Vec::new();
    encode_control(&wanted, &mut request).unwrap();
    let broker = UnixStream::connect(fs::read_link(BROKER_LINK).unwrap()).unwrap();
    let streams = [rustix::stdio::stdin(), rustix::stdio::stdout(), rustix::stdio::stderr()];
    assert_eq!(send_with_fds(&broker, &request, &streams).unwrap(), request.len());
    let frame = recv_frame(&broker, &mut Decoder::new(1 << 16), &mut Vec::new());
    let Some(Frame::Control(json)) = frame.unwrap() else { panic!("no answer") };
    Frame::parse(&json).unwrap()
}

/// Inside an agent: the time of each whole command.
pub fn runs(program: &Path, count: usize, report: &Path) {
    let times = (0..count).map(|_| timed(Command::new(program).arg("yes")));
    save(report, &lines(times));
}

fn lines(times: impl Iterator<Item = u64>) -> String {
    times.map(|time| format!("{time}\n")).collect()
}
