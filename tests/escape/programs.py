"""Tries to run programs that may not be executed; a line for each try, as the others have it."""
import ctypes, os, subprocess, sys, tempfile

work, true, sh, loader = sys.argv[1:5]
os.chdir(work)
CASES = {}


def case(function):
    CASES[function.__name__] = function


def ran(argv, **more):
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, **more)
    if done.returncode != 0:
        raise OSError(f"exit {done.returncode}: {done.stderr[-200:]!r}")


def copied(source, target):
    with open(source, "rb") as file:
        content = file.read()
    with open(target, "wb") as file:
        file.write(content)
    os.chmod(target, 0o755)
    return os.path.abspath(target)


@case
def listed_by_path():
    ran([sh, "-c", "exit 0"])


@case
def listed_by_name():
    ran(["sh", "-c", ":"])


@case
def text_by_a_listed_interpreter():
    with open("text.sh", "w") as file:
        file.write("exit 0\n")
    ran([sh, "text.sh"])


@case
def unlisted_by_name():
    ran(["true"])


@case
def unlisted_by_path():
    ran([true])


@case
def unlisted_by_a_shell():
    ran([sh, "-c", f"{true} && exit 0; exit 9"])


@case
def unlisted_is_read():
    with open(true, "rb") as file:
        file.read(4)


@case
def unlisted_by_the_root_of_a_process():
    ran([f"/proc/self/root{true}"])


@case
def unlisted_by_copy():
    ran([copied(true, "copy")])


@case
def listed_by_copy():
    ran([copied(sh, "shell"), "-c", ":"])


def by_copy_in(directory):
    # Gone at the end: the run outside is in everybody's.
    with tempfile.TemporaryDirectory(dir=directory) as own:
        ran([copied(sh, f"{own}/shell"), "-c", ":"])


@case
def listed_by_copy_in_tmp():
    by_copy_in("/tmp")


@case
def listed_by_copy_in_shared_memory():
    by_copy_in("/dev/shm")


@case
def listed_by_hard_link_of_a_copy():
    copied(sh, "shell2")
    os.link("shell2", "hard")
    ran(["./hard", "-c", ":"])


@case
def unlisted_by_symbolic_link():
    os.symlink(true, "soft")
    ran(["./soft"])


@case
def its_own_by_the_loader():
    ran([loader, copied(sh, "own"), "-c", ":"])


@case
def unlisted_by_the_loader():
    ran([loader, true])


@case
def unlisted_by_the_loader_and_a_link():
    os.symlink(true, "soft2")
    ran([loader, "./soft2"])


@case
def script_with_an_unlisted_interpreter():
    with open("script", "w") as file:
        file.write(f"#!{true}\n")
    os.chmod("script", 0o755)
    ran(["./script"])


def in_memory(flags):
    libc = ctypes.CDLL(None, use_errno=True)
    fd = libc.memfd_create(b"x", flags)
    if fd < 0:
        raise OSError(ctypes.get_errno(), "memfd_create")
    with open(sh, "rb") as file:
        os.write(fd, file.read())
    child = os.fork()
    if child == 0:
        try:
            os.execve(fd, ["sh", "-c", "exit 0"], {})
        finally:
            os._exit(9)
    if os.waitpid(child, 0)[1] != 0:
        raise OSError("not executed")


@case
def from_memory():
    in_memory(0)


@case
def from_memory_that_is_meant_to_be_executed():
    in_memory(0x10)


@case
def by_an_unnamed_file():
    fd = os.open(".", os.O_TMPFILE | os.O_RDWR, 0o755)
    with open(sh, "rb") as file:
        os.write(fd, file.read())
    link = os.open(f"/proc/self/fd/{fd}", os.O_RDONLY)
    os.close(fd)
    ran([f"/proc/self/fd/{link}", "-c", ":"], pass_fds=[link])


with open("programs", "w") as out:
    for name, function in CASES.items():
        try:
            function()
            out.write(f"{name}\n")
        except Exception as error:
            out.write(f"{name} no {error!r}\n")
