//! Ways around the rules that were tried, and what is said of each; and everyday lines that
//! look alike, which nobody wants to be asked about.

use super::judged::in_scope;
use crate::model::Verdict::{self, Allow, Ask, Deny};

pub fn check(cases: &[(Verdict, &[&str])]) {
    let mut wrong = Vec::new();
    for (wanted, lines) in cases {
        for line in *lines {
            let said = in_scope(line);
            if said.verdict != *wanted {
                wrong.push(format!("{line}\n    wanted {wanted}, got {said:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A program, or a word that a rule looks at, which a shell puts together.
#[test]
fn what_the_line_tells_of_an_expansion_is_judged() {
    let denied = [
        "sh -c 'git${IFS}push${IFS}-f'",
        "git${IFS}push -f",
        "rm$IFS-rf$IFS/",
        "g=git; $g push -f",
        "g=gi h=t; \"$g$h\" push -f",
        "x=push; git $x -f",
        "x=-f; git push $x",
        "x='git push -f'; $x",
        "x='git push -f'; eval \"$x\"",
        "x='git push -f'; sh -c \"$x\"",
        "export x=git; $x push -f",
        "for x in git; do $x push -f; done",
        "${x:-git} push -f",
        "git ${x:=push} ${y-\"-f\"}",
        "$(echo git) push -f",
        "\"$(which git)\" push -f",
        "$(command -v git) push -f",
        "`printf %s git` push -f",
        "{git,push,-f}",
        "git push -{v,f}",
        "rm -rf {/etc,/usr}",
        "cat ~/{x,.ssh}/id_rsa",
        "x=~/.ssh/id_rsa; cat \"$x\"",
        "d=/; rm -rf \"$d\"",
        "git pu\"sh\" -f",
        "$'git' push -f",
        "gi\\t push -f",
        "alias g=git; g push -f",
        "shopt -s expand_aliases\nalias g='git push'\ng -f",
        "GIT push -f",
        "git.exe push -f",
    ];
    let asked = [
        "$x push -f",
        "g=$y; $g push -f",
        "g=ls; read g < x; $g push -f",
        "set -- git push -f; \"$@\"",
        "x=(git push -f); \"${x[@]}\"",
        "g() { git \"$@\"; }; g push -f",
        "g$(true)it push -f",
        "BASH_ALIASES[g]=git; g push -f",
        "BASH_CMDS[ls]=/usr/bin/git; ls push -f",
        "x='$(git push -f)'; echo \"${x@P}\"",
        "[ -v 'a[$(git push -f)]' ]",
        "[[ -v 'a[$(git push -f)]' ]]",
        "printf -v 'a[$(git push -f)]' x",
        "declare 'a[$(git push -f)]=1'",
        "fc -s git",
        "rm -rf {a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}",
        "bind -x '\"\\C-a\": git push -f'",
    ];
    let allowed = [
        "echo ${x:-y} {a,b} $(date) $(echo git push -f)",
        "x=1; echo $x; [ -n \"$x\" ] && test -f \"$x\"",
        "mkdir -p {a,b}/c; cp x{,.bak}; ls *.{rs,toml}; rm -rf {build,dist}",
        "alias ll='ls -l' ls='ls -A'; ll; ls",
        "printf -v x '%s' y; unset x; export FOO='a[0]'",
        "PS4='+ $LINENO ' bash -x y",
    ];
    check(&[(Deny, &denied), (Ask, &asked), (Allow, &allowed)]);
}

/// Nobody allows what cannot be read.
#[test]
fn a_line_that_ends_too_early_is_asked_about() {
    let asked = [
        "git push 'x",
        "git \"push",
        "cat <<E\ngit push",
        "cat <<'E'\nx",
        "if git push; then",
        "case x in",
        "echo ${x",
        "echo $((1",
        "echo `ls",
        "ls \\",
        "(ls",
        "f() {",
    ];
    check(&[(Ask, &asked)]);
    let said = in_scope("git push 'x");
    assert!(said.reason.contains("it cannot be read for sure: a quote"), "{}", said.reason);
}

#[test]
fn programs_that_run_others_are_seen_through() {
    let denied = [
        "tmux new 'git push -f'",
        "tmux new-session -d -s x git push -f",
        "tmux -L x splitw -h 'git push -f'",
        "tmux new -d \\; neww 'git push -f'",
        "tmux run-shell 'git push -f'",
        "tmux send-keys -t x 'git push -f' Enter",
        "tmux send git Space push Space -f Enter",
        "screen -dmS x git push -f",
        "screen -S x -X stuff 'git push -f^M'",
        "gdb --args git push -f",
        "gdb -batch -ex '!git push -f'",
        "gdb -ex 'shell git push -f'",
        "lldb -- git push -f",
        "strace -ff -o x -e trace=all git push -f",
        "ltrace -S git push -f",
        "screen -s 'git push -f'",
        "script -qc 'git push -f' /dev/null",
        "watch -n1 -- 'git push -f'",
        "flock -w 5 /tmp/x git push -f",
        "flock /tmp/x -c 'git push -f'",
        "setsid -f git push -f",
        "unshare -r git push -f",
        "at now <<< 'git push -f'",
        "make SHELL='git push -f'",
        "vim -c 'silent! !git push -f'",
        "sed '1e git push -f' x",
        "sed '/a/ e git push -f' x",
        "csh -c 'git push -f'",
        "fish -C 'git push -f'",
        "ssh-agent sh -c 'git push -f'",
        "go test -exec 'git push -f'",
        "npm run x --script-shell='git push -f'",
        "nix-shell --run 'git push -f'",
        "PS4='$(git push -f)' bash -x y",
        "gh alias set p '!git push -f'",
    ];
    let asked = [
        "valgrind --tool=none git push -f",
        "ls | entr -r git push -f",
        "nix develop -c sh -c 'git push -f'",
        "numactl -N 0 git push -f",
        "setarch x86_64 -R git push -f",
        "cmake -E chdir x git push -f",
        "hyperfine 'git push -f'",
        "socat - EXEC:'git push -f'",
        "psql -c '\\! git push -f'",
        "gcc -wrapper git,push,-f x.c",
        "apt-get -o Dpkg::Pre-Invoke::='git push -f' update",
        "parallel git push -f ::: a",
        "tmux source-file x",
        "tmux display '#(git push -f)'",
        "tmux set -g default-command 'git push -f'",
        "sed 's/x/git push -f/e' y",
        "bash < <(echo git push -f)",
        "echo git push -f | bash > log",
        "exec 3< x; bash <&3",
        "bash --rcfile <(echo git push -f) -i",
        "echo git push -f | at now",
        "echo git push -f | sh -c sh",
    ];
    let allowed = [
        "tmux new-session -d -s x 'npm run dev'; tmux capture-pane -p -t x; tmux ls",
        "tmux send-keys -t x \"it's\" Enter",
        "screen -ls; screen -dmS x npm start",
        "gdb -batch -ex run -ex bt --args ./x push -f",
        "sed -i -e 's/the/e/' -e '/x/d' y; sed -n '1,20p;$p' y",
        "make SHELL=/bin/bash test",
        "brew install sudo git; apt-get install -y git sudo",
        "cargo test push; go test -run 'git push' ./...",
        "gh pr create --title 'rm -rf /' --body 'git push -f'",
        "claude -p 'git push -f is bad'",
        "dash policy check -- git push -f",
        "bash < script.sh > log; sh -s -- a < script",
        "cat <<'EOF' | python3 -\nprint(1)\nEOF",
        "docker run --rm x npm test",
    ];
    check(&[(Deny, &denied), (Ask, &asked), (Allow, &allowed)]);
}

#[test]
fn options_that_run_a_line_and_tools_that_delete_or_publish() {
    let denied = [
        "fzf --preview 'rm -rf /etc'",
        "fzf --bind 'start:execute(rm -rf /etc)'",
        "fzf --bind 'enter:become(sudo ls)+abort'",
        "rg --pre=sudo x",
        "bat --pager='rm -rf /etc' x",
        "ack --pager='sudo less' x",
        "delta --pager 'sudo less'",
        "pee 'rm -rf /etc'",
        "start-stop-daemon -S --exec /bin/rm -- -rf /etc",
        "git clone 'ext::sh -c sudo% ls' x",
        "npm exec --call='rm -rf /etc'",
        "lldb -o 'shell rm -rf /etc'",
        "install -m 4755 x y",
        "gosu root ls",
        "gpg --export-secret-keys",
        "tar --remove-files -cf x /etc",
        "zip -mr x /etc",
        "gio trash /etc",
        "git worktree remove --force /etc",
    ];
    let asked = [
        "nc -e sh x 1",
        "scp -S rm a b:",
        "npx semantic-release",
        "changeset publish",
        "cat /proc/self/environ",
        "npm token create",
    ];
    let allowed = [
        "ls | fzf --preview 'cat {}' --bind 'enter:execute(less {}),ctrl-r:reload(find .)'",
        "fzf --bind 'ctrl-d:change-prompt(foo> )'",
        "rg --pre-glob '*.pdf' x; bat --pager=never x; delta --pager 'less -R'",
        "nc -z localhost 80; scp a host:b",
        "gpg --export x; tar -czf x.tgz /etc/hosts; zip -r x build",
        "dotnet publish -c Release; deno run x; goreleaser check; npm exec -- tsc",
        "install -m 755 x y",
    ];
    check(&[(Deny, &denied), (Ask, &asked), (Allow, &allowed)]);
}

/// Options before git's subcommand hide nothing, and what they make git run is asked about.
#[test]
fn what_git_is_told_to_run() {
    let denied = [
        "git -p --no-pager --bare -c a.b=c -C . --git-dir x push --force",
        "git push --force-with-lease",
        "git push origin +main",
        "git push --mirror",
        "git push -d origin x",
        "git -c alias.x='!git push -f' x",
        "git -c core.pager='git push -f' log",
        "export GIT_PAGER='git push -f'; git log",
        "git clone -c core.sshCommand='git push -f' x",
        "git clone -u 'git push -f' x",
        "git grep -O'git push -f' x",
        "git rebase --exe 'git push -f' main",
        "git ls-remote 'ext::git push -f'",
    ];
    let asked = [
        "git -c core.sshCommand='/tmp/x y' push",
        "git -c core.pager=/tmp/x log",
        "git -c core.editor=./x commit",
        "git -c diff.external=/tmp/x diff",
        "git -c credential.helper='!/tmp/x' fetch",
        "git -c core.hooksPath=/tmp/h commit",
        "git --exec-path=/tmp/x push",
        "git --config-env=core.pager=X log",
        "GIT_SSH_COMMAND=/tmp/x git fetch",
        "GIT_EXEC_PATH=/tmp/x git fetch",
        "GIT_TEMPLATE_DIR=/tmp/x git init",
        "GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=alias.x GIT_CONFIG_VALUE_0='push -f' git x",
        "export GIT_SSH=/tmp/x; git fetch",
        "EDITOR=./x crontab -e",
        "git init --template=/tmp/x",
        "git config core.hookspath x",
        "git config diff.x.textconv y",
        "git remote add --mirror=push x y",
        "git push --receive-pack=./x y",
        "git fetch --upload-pack ./x y",
    ];
    let allowed = [
        "GIT_EDITOR=true git rebase --continue; GIT_PAGER=cat git log -3",
        "GIT_SSH_COMMAND='ssh -i key -o StrictHostKeyChecking=no' git fetch",
        "GIT_SEQUENCE_EDITOR=\"sed -i 's/pick/squash/'\" git rebase -i HEAD~2",
        "git -c credential.helper='!gh auth git-credential' push",
        "git -c core.pager='delta | less -R' log; git -c core.fsmonitor=false status",
        "GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null git status",
        "export EDITOR=/usr/bin/vim PATH=\"$HOME/.cargo/bin:$PATH\"; cargo test",
        "git clone -c core.autocrlf=false --template= https://x.example/y",
        "git fetch --upload-pack=/usr/bin/git-upload-pack x; git rebase --exec ./test.sh main",
        "git checkout -- sudo; git push -- sudo",
        // Does nothing without --force-with-lease.
        "git push --force-if-includes",
    ];
    check(&[(Deny, &denied), (Ask, &asked), (Allow, &allowed)]);
}
