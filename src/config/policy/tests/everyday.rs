//! Lines that agents run all day, which nobody wants to be asked about; and those beside them
//! that are.

use super::evaded::check;
use crate::model::Verdict::{Allow, Ask, Deny};

#[test]
fn a_pattern_below_the_directory_is_no_doubt() {
    let allowed = [
        "rm *.o",
        "rm *",
        "rm -f build/*.o",
        "rm -r dist/*",
        "rm -rf ./a/*/b?.[ch]",
        "mv *.o out/",
        "chmod +x *.sh",
        "chmod -R u+w src/*",
        "make clean && rm -f ./*.log",
        "rm -rf .cache*",
        "rm -rf /scope/build/*",
        "for f in *.rs; do mv \"$f\" old/; done",
    ];
    let asked = [
        "rm -rf ../*",
        "rm -rf a/../*",
        "rm -rf */../x",
        "rm -rf .*",
        "rm -rf .?/x",
        "rm -rf .git/*",
        "rm -rf .g*",
        "rm -rf ~/x/*",
        "rm -rf $X/*",
        "cd $X && rm *",
        "cd build && rm *",
        "mv *.o ../../out",
    ];
    let denied = ["rm -rf /*", "rm -rf ~/*", "rm -rf /sc*/x", "cd / && rm -rf *", "rm -rf ../../*"];
    check(&[(Allow, &allowed), (Ask, &asked), (Deny, &denied)]);
}

#[test]
fn where_the_line_is_and_what_is_its_own() {
    let allowed = [
        "rm -rf $PWD/build",
        "rm -rf \"$PWD\"/build/*",
        "rm -rf \"$(pwd)/build\"",
        "rm -rf \"${PWD}/build\"",
        "rm -rf \"$TMPDIR/x\"",
        "rm -rf ${TMPDIR:-/tmp}/x",
        "D=$(mktemp -d) && cp a \"$D\" && rm -rf \"$D\"",
        "T=\"$(mktemp -d)\"; touch $T/x; rm -rf \"$T/x\" \"$T\"",
        "x=$(mktemp) && make > \"$x\"; rm -f \"$x\"",
    ];
    let asked = [
        "rm -rf $PWD.bak",
        "rm -rf x$PWD",
        "rm -rf $OLDPWD",
        "rm -rf \"$TMPDIR/../x\"",
        "rm -rf \"$TMPDIR$X\"",
        "PWD=$X; rm -rf $PWD/x",
        "read PWD; rm -rf $PWD/build",
        "pwd() { echo /; }; rm -rf $(pwd)/etc",
        "mktemp() { echo /etc; }; rm -rf $(mktemp)",
        "read TMPDIR; rm -rf $TMPDIR/x",
        "export TMPDIR=$X; rm -rf $(mktemp -d)",
        "rm -rf $(mktemp -d -p /etc)",
        "D=$PWD; cd $X; rm -rf $D/build",
        "rm -rf $(pwd; cat x)",
    ];
    let denied = [
        "rm -rf $PWD/../../x",
        "cd / && rm -rf $PWD/etc",
        "TMPDIR=/etc; rm -rf $TMPDIR/x",
        "rm -rf $(mktemp -d /etc/x.XXX)",
    ];
    check(&[(Allow, &allowed), (Ask, &asked), (Deny, &denied)]);
}

#[test]
fn what_the_line_sets_itself_is_sure() {
    let allowed = [
        "D=build; rm -rf $D",
        "D=build; rm -rf \"$D\" $D/x ${D}/*.o",
        "D=build\nmkdir -p $D && rm -rf $D",
        "D=build && rm -rf $D",
        "A=a; B=$A/b; rm -rf $B",
        "for d in a b; do rm -rf \"$d/build\"; done",
        "for d in */; do rm -rf \"$d/build\"; done",
        "if true; then for d in a b; do rm -rf $d; done; fi",
        "B=main; git push origin $B",
    ];
    let asked = [
        // Set in one case only, or beside the line, or later.
        "true && D=build; rm -rf $D/etc",
        "true &&\nD=build; rm -rf $D/etc",
        "if x; then D=build; fi; rm -rf $D/etc",
        "(D=build); rm -rf $D/etc",
        "D=build & rm -rf $D/etc",
        "D=build | cat; rm -rf $D/etc",
        "D=build rm -rf $D/etc",
        "for d in a; do true; done; rm -rf $d/etc",
        // Set by something else.
        "D=build; read D; rm -rf $D",
        "D=build; re\\ad \"D\"; rm -rf $D",
        "D=build; time read $'\\x44'; rm -rf $D",
        "D=build; $x D; rm -rf $D",
        "D=build; . ./x; rm -rf $D",
        "D=build; printf -v D %s \"$X\"; rm -rf $D",
        "D=build; f() { D=$X; }; f; rm -rf $D",
        "D=build; for i in 1 2; do rm -rf $D; D=$X; done",
        "D=build; declare -n E=D; E=$X; rm -rf $D",
        "for x in status push; do git $x -f; done",
        "D='.*'; rm -rf $D",
        "D=$X; rm -rf $D",
        "IFS=b; D=xb/etc; rm -rf $D",
    ];
    let denied = [
        "D=; rm -rf $D/etc",
        "D=/; rm -rf $D",
        "for d in a /etc; do rm -rf $d; done",
        "x=push; git $x -f",
        "for x in git ls; do $x push -f; done",
        "F=-f; git push $F",
        "x='git push -f'; $x",
    ];
    check(&[(Allow, &allowed), (Ask, &asked), (Deny, &denied)]);
}

#[test]
fn what_find_prints_begins_where_it_searches() {
    let allowed = [
        "find src -name '*.o' | xargs rm -f",
        "find . -name '*.pyc' -print0 | xargs -0 rm -rf",
        "find src -type d | xargs -n 5 chmod u+w",
    ];
    let asked = [
        "ls | xargs rm -rf",
        "find src -printf '/etc/%f' | xargs rm",
        "find $X -name '*.o' | xargs rm -f",
        "(find src; cat list) | xargs rm -f",
        "find src | xargs rm -f < list",
        "find src | xargs -a list rm -f",
        "find src | xargs -I{} rm -rf /{}",
        "find src | { cat list | xargs rm; }",
        "find src -name '*.o' | xargs git push",
    ];
    let denied = ["find / -name core | xargs rm -f", "find .. ../.. | xargs rm"];
    check(&[(Allow, &allowed), (Ask, &asked), (Deny, &denied)]);
}
