//! What `xargs` gives a program that takes paths, where one `find` alone prints it: paths that
//! begin with the places where it searches.

use super::super::{
    fit::Output,
    script::{Item, Simple},
    settled::takes_paths,
    unwrap::{Inner, What, find_roots, program},
    word::is_open,
};
use std::{borrow::Cow, ops::Range};

/// Puts in the place of the words that `xargs` adds where these paths begin. What removes them
/// one by one may remove the whole tree.
pub fn fed<'a>(
    inner: Vec<Inner<'a>>,
    args: &[String],
    simple: &Simple,
    output: &Output<'_>,
) -> Vec<Inner<'a>> {
    // From a file.
    let other = |arg: &String| arg.starts_with("-a") || arg.starts_with("--a");
    if simple.stdin.is_some()
        || simple.input.is_some()
        || simple.document.is_some()
        || args.iter().any(other)
    {
        return inner;
    }
    let Some(roots) = found(output) else { return inner };
    let put = |inner: Inner<'a>| match inner.what {
        What::Command(words)
            if words.first().and_then(|word| program(word)).is_some_and(takes_paths) =>
        {
            let mut words = words.into_owned();
            // The last word is what is added, of which nothing is known.
            words.pop();
            words.extend_from_slice(roots);
            if words.first().and_then(|word| program(word)) == Some("rm") {
                words.insert(1, "-r".to_owned());
            }
            Inner { what: What::Command(Cow::Owned(words)), dir: inner.dir }
        }
        what => Inner { what, dir: inner.dir },
    };
    inner.into_iter().map(put).collect()
}

/// Where the only program searches whose output this one reads.
fn found<'o>(output: &Output<'o>) -> Option<&'o [String]> {
    const OTHERS: &[&str] = &[
        "-printf",
        "-fprintf",
        "-exec",
        "-execdir",
        "-ok",
        "-okdir",
        "-ls",
        "-fls",
        "-files0-from",
    ];
    let script = output.script;
    let mut links = script.links.iter().filter(|link| link.to.contains(&output.index));
    let link = links.next().filter(|link| link.pipe)?;
    let only = |range: Range<usize>| match script.items.get(range)? {
        [Item::Command(simple)] => Some(simple),
        _ => None,
    };
    only(link.to.clone()).filter(|_| links.next().is_none())?;
    let find = only(link.from.clone())?;
    let (name, args) = find.words.split_first()?;
    let plain = |arg: &String| !OTHERS.contains(&arg.as_str()) && !is_open(arg);
    let roots = find_roots(args);
    let sure = program(name) == Some("find") && args.iter().all(plain) && !roots.is_empty();
    sure.then_some(roots)
}
