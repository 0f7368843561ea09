"""Tries to get out. Prints a line for each try: `NAME done` if it worked, `NAME no WHY` if not.

Every try works where nothing holds it (the control run shows that), so one that stops
working for another reason than the sandbox is noticed. Arguments: a JSON object of what the
test has set up outside.
"""

import ctypes
import errno
import fcntl
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import tempfile

world = json.loads(sys.argv[1])
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
X86 = os.uname().machine == "x86_64"
tries = []


def attempt(function):
    tries.append(function)
    return function


def call(number, *args):
    """A system call by its number; raises OSError."""
    result = libc.syscall(ctypes.c_long(number), *[ctypes.c_long(a) if isinstance(a, int) else a for a in args])
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result


def number(x86, arm):
    return x86 if X86 else arm


def expect(ok, why="nothing came of it"):
    if not ok:
        raise RuntimeError(why)


def read(path):
    with open(path, "rb") as file:
        return file.read()


def write(path, text="escaped"):
    with open(path, "w") as file:
        file.write(text)


# Files.


@attempt
def reads_a_file_outside():
    expect(b"secret" in read(world["secret"]))


@attempt
def reads_a_key_in_the_home():
    expect(b"secret" in read(world["key"]))


@attempt
def reads_the_journal():
    expect(read(world["journal"])[:6] == b"SQLite")


@attempt
def reads_another_agents_files():
    expect(b"secret" in read(world["other"]))


@attempt
def writes_a_file_outside():
    write(world["outside"] + "/written")
    expect(os.path.exists(world["outside"] + "/written"))


@attempt
def writes_over_a_file_outside():
    write(world["victim"])


@attempt
def truncates_a_file_outside():
    os.truncate(world["victim"], 0)


@attempt
def removes_a_file_outside():
    os.unlink(world["removable"])


@attempt
def renames_a_file_across():
    write("here")
    os.rename("here", world["outside"] + "/renamed")


@attempt
def links_a_file_in():
    os.link(world["secret"], "linked")
    expect(b"secret" in read("linked"))


@attempt
def writes_by_a_symlink():
    os.symlink(world["outside"] + "/by-link", "link-out")
    write("link-out")
    expect(os.path.exists(world["outside"] + "/by-link"))


@attempt
def climbs_out_by_dots():
    expect(b"secret" in read("../" * 30 + world["secret"].lstrip("/")))


@attempt
def changes_a_mode_outside():
    os.chmod(world["victim"], 0o777)


@attempt
def changes_the_mode_of_a_device():
    found = os.stat("/dev/null")
    expect([found.st_dev, found.st_ino] == world["null"], "it is not the machine's")
    # To what it is: all programs of the machine need it.
    os.chmod("/dev/null", 0o666)


@attempt
def touches_a_file_outside():
    os.utime(world["victim"])


@attempt
def sets_an_attribute_outside():
    os.setxattr(world["victim"], "user.x", b"y")


@attempt
def writes_to_the_system():
    write("/usr/local/escaped")
    os.unlink("/usr/local/escaped")


@attempt
def opens_a_shared_memory_of_others():
    expect(b"secret" in read(world["shm"]))


@attempt
def makes_a_device():
    os.mknod(world["outside"] + "/device", 0o600 | 0o020000, os.makedev(1, 3))


@attempt
def opens_by_handle():
    # struct file_handle: size, type, bytes.
    handle = ctypes.create_string_buffer(struct.pack("Ii", 128, 0) + bytes(128))
    mount = ctypes.c_int()
    call(number(303, 264), -100, ctypes.c_char_p(world["work"].encode()), handle, ctypes.byref(mount), 0)
    root = os.open(world["work"], os.O_RDONLY)
    os.close(call(number(304, 265), root, handle, os.O_RDONLY))


# What git and shells would obey later.


@attempt
def writes_git_settings():
    with open(".git/config", "a") as file:
        file.write("[core]\n\tfsmonitor = evil\n")


@attempt
def replaces_git_settings():
    write("new-config")
    os.rename("new-config", ".git/config")


@attempt
def makes_a_hook():
    write(".git/hooks/pre-commit")


@attempt
def makes_a_nested_hook():
    write("nested/.git/hooks/pre-commit")


@attempt
def moves_the_repository_away():
    os.rename(".git", ".git-old")
    os.rename(".git-old", ".git")


@attempt
def moves_the_hooks_away():
    os.rename(".git/hooks", "hooks-old")
    os.rename("hooks-old", ".git/hooks")


@attempt
def writes_a_shells_start():
    write(".bashrc")


@attempt
def makes_a_place_for_hooks():
    if not os.path.exists("hookless/.git/hooks"):
        os.mkdir("hookless/.git/hooks")
    write("hookless/.git/hooks/pre-commit")


@attempt
def writes_hooks_of_another_kind():
    write(".husky/pre-commit")


@attempt
def writes_a_package_managers_settings():
    write(".npmrc")


@attempt
def writes_an_editors_tasks():
    write(".vscode/tasks.json")


@attempt
def writes_an_agents_settings():
    write(".claude/settings.json")


@attempt
def writes_dashs_own():
    write(".dash/policy.toml")


# Other processes.


def proc(name):
    return "/proc/%d/%s" % (world["pid"], name)


@attempt
def reads_anothers_environment():
    expect(b"SECRET_OF_OTHERS=secret" in read(proc("environ")))


@attempt
def walks_by_anothers_root():
    expect(b"secret" in read(proc("root") + world["secret"]))


@attempt
def reads_anothers_memory():
    with open(proc("mem"), "rb") as file, open(proc("maps")) as maps:
        file.seek(int(maps.readline().split("-")[0], 16))
        expect(len(file.read(4)) == 4)


@attempt
def opens_anothers_descriptors():
    # Their numbers are for everybody to see; what they lead to is not.
    expect(os.readlink(proc("fd/0")))


@attempt
def traces_another():
    call(number(101, 117), 16, world["pid"], 0, 0)
    os.waitpid(world["pid"], 0x40000000)
    call(number(101, 117), 17, world["pid"], 0, 0)


@attempt
def reads_by_process_vm():
    with open(proc("maps")) as maps:
        address = int(maps.readline().split("-")[0], 16)
    buffer = ctypes.create_string_buffer(4)
    local = struct.pack("NN", ctypes.addressof(buffer), 4)
    remote = struct.pack("NN", address, 4)
    expect(call(number(310, 270), world["pid"], ctypes.c_char_p(local), 1, ctypes.c_char_p(remote), 1, 0) == 4)


@attempt
def takes_a_descriptor():
    pidfd = os.pidfd_open(world["pid"])
    os.close(call(438, pidfd, 0, 0))


@attempt
def signals_another():
    os.kill(world["pid"], 0)


@attempt
def finds_anothers_name():
    names = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            names.append(read("/proc/%s/cmdline" % pid))
        except OSError:
            pass  # It has ended, or is not to be seen.
    expect(any(b"__keeper" in name for name in names))


# Sockets.


def unix(path):
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(5)
    connection.connect(path)
    return connection


@attempt
def connects_to_a_socket_of_others():
    expect(unix(world["unix"]).recv(6) == b"secret")


@attempt
def connects_to_a_socket_of_others_in_its_scope():
    expect(unix("servers/in.sock").recv(6) == b"secret")


@attempt
def links_a_socket_of_others_in_its_scope():
    os.link("servers/in.sock", "linked-sock")
    expect(unix("linked-sock").recv(6) == b"secret")


@attempt
def moves_a_socket_of_others_in_its_scope():
    os.rename("servers/in.sock", "servers/moved.sock")
    try:
        expect(unix("servers/moved.sock").recv(6) == b"secret")
    finally:
        os.rename("servers/moved.sock", "servers/in.sock")


@attempt
def moves_what_a_socket_of_others_lies_in():
    os.rename("servers", "servers-old")
    try:
        expect(unix("servers-old/in.sock").recv(6) == b"secret")
    finally:
        os.rename("servers-old", "servers")


@attempt
def connects_to_an_abstract_socket():
    expect(unix("\0" + world["abstract"]).recv(6) == b"secret")


@attempt
def gets_a_descriptor_by_a_socket():
    connection = unix(world["giver"])
    _, fds, _, _ = socket.recv_fds(connection, 16, 1)
    expect(b"secret" in os.pread(fds[0], 100, 0))


@attempt
def asks_dash_as_its_owner():
    connection = unix(world["admin"])
    connection.sendall(b"GET /v1/health HTTP/1.1\r\nhost: x\r\n\r\n")
    expect(b" 200 " in connection.recv(100).split(b"\r\n")[0] + b" ")


@attempt
def asks_a_keeper():
    expect(unix(world["keeper"]).fileno() >= 0)


@attempt
def asks_by_anothers_socket():
    expect(unix(world["other_socket"]).fileno() >= 0)


# The network. A port on the loopback of the machine stands for everything out there.


@attempt
def connects_by_tcp():
    with socket.create_connection(("127.0.0.1", world["tcp"]), 5) as connection:
        expect(connection.recv(6) == b"secret")


@attempt
def connects_by_tcp_6():
    with socket.create_connection(("::1", world["tcp6"]), 5) as connection:
        expect(connection.recv(6) == b"secret")


@attempt
def sends_by_udp():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as connection:
        connection.settimeout(1)
        connection.sendto(b"ask", ("127.0.0.1", world["udp"]))
        expect(connection.recv(6) == b"secret")


@attempt
def connects_with_the_first_byte():
    with socket.socket() as connection:
        connection.sendto(b"x", 0x20000000, ("127.0.0.1", world["tcp"]))
        expect(connection.recv(6) == b"secret")


@attempt
def connects_by_multipath():
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262) as connection:
        connection.settimeout(5)
        connection.connect(("127.0.0.1", world["tcp"]))
        expect(connection.recv(6) == b"secret")


@attempt
def opens_a_socket_to_a_hypervisor():
    socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM).close()


@attempt
def opens_the_audit_of_the_kernel():
    socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 9).close()


@attempt
def opens_a_socket_for_packets():
    socket.socket(socket.AF_PACKET, socket.SOCK_RAW).close()


# The kernel.


@attempt
def types_into_the_terminal():
    fcntl.ioctl(0, 0x5412, b"\n")


@attempt
def types_into_the_terminal_by_the_other_number():
    call(number(16, 29), 0, 0x100005412, ctypes.c_char_p(b"\n"))


@attempt
def uses_a_ring():
    os.close(call(425, 4, ctypes.create_string_buffer(120)))


def child(action):
    """Runs `action` in a child, so that this process stays as it is."""
    pid = os.fork()
    if pid == 0:
        try:
            action()
            os._exit(0)
        except BaseException:
            os._exit(1)
    expect(os.waitpid(pid, 0)[1] == 0, "refused")


@attempt
def makes_a_user_namespace():
    child(lambda: call(number(272, 97), 0x10000000))


@attempt
def makes_a_user_namespace_by_clone():
    def clone():
        if call(number(56, 220), 0x10000000 | signal.SIGCHLD, 0, 0, 0, 0) == 0:
            os._exit(0)

    child(clone)


@attempt
def makes_a_user_namespace_by_clone3():
    def clone():
        args = ctypes.create_string_buffer(struct.pack("Q", 0x10000000) + bytes(24) + struct.pack("Q", signal.SIGCHLD) + bytes(48))
        if call(435, args, 88) == 0:
            os._exit(0)

    child(clone)


@attempt
def mounts():
    libc.mount.restype = ctypes.c_int
    target = tempfile.mkdtemp()
    expect(libc.mount(b"none", target.encode(), b"tmpfs", 0, None) == 0, "refused")
    libc.umount2(target.encode(), 2)


@attempt
def changes_its_root():
    child(lambda: os.chroot("/"))


@attempt
def makes_a_key():
    call(number(248, 217), ctypes.c_char_p(b"user"), ctypes.c_char_p(b"dash-test"), ctypes.c_char_p(b"x"), 1, -3)


@attempt
def loads_a_program_into_the_kernel():
    code = struct.pack("BBhi", 0xB7, 0, 0, 0) + struct.pack("BBhi", 0x95, 0, 0, 0)
    code, licence = ctypes.create_string_buffer(code), ctypes.create_string_buffer(b"GPL")
    attributes = struct.pack("IIQQ", 1, 2, ctypes.addressof(code), ctypes.addressof(licence)) + bytes(128)
    os.close(call(number(321, 280), 5, ctypes.create_string_buffer(attributes), 120))


@attempt
def changes_the_kernels_settings():
    with open("/proc/sys/kernel/threads-max") as file:
        value = file.read()
    write("/proc/sys/kernel/threads-max", value)


@attempt
def raises_the_last_process_number():
    # A namespace's own where there is one: it holds a fork bomb of root's.
    with open("/proc/sys/kernel/pid_max") as file:
        value = file.read()
    write("/proc/sys/kernel/pid_max", value)


@attempt
def has_rights_of_the_superuser():
    status = read("/proc/self/status").decode()
    expect(int(status.split("CapEff:")[1].split()[0], 16) != 0, "none")


@attempt
def gains_rights_by_a_program():
    expect("NoNewPrivs:\t0" in read("/proc/self/status").decode(), "no new privileges")


def main():
    # Everything that a program of the agent inherits beside the three streams.
    open_now = sorted(int(fd) for fd in os.listdir("/proc/self/fd"))
    os.makedirs("results", exist_ok=True)
    lines = ["descriptors %s" % [fd for fd in open_now if fd > 2 and os.path.exists("/proc/self/fd/%d" % fd)]]
    for function in tries:
        try:
            function()
            lines.append("%s done" % function.__name__)
        except BaseException as error:
            lines.append("%s no %s: %s" % (function.__name__, type(error).__name__, error))
    write("results/" + world["run"], "\n".join(lines) + "\n")
    # A process that means to stay.
    if world["stay"]:
        subprocess.Popen(
            ["sh", "-c", "setsid sh -c 'trap \"\" TERM HUP; sleep %s' & " % world["stay"]],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        ).wait()
    # Made after the launch: no mount can have been there before it.
    os.makedirs("later", exist_ok=True)
    subprocess.run(["git", "init", "-q", "later"], check=False)
    os.makedirs("later/.git/hooks", exist_ok=True)
    write("later/.git/hooks/pre-commit", "#!/bin/sh\ntouch ran\n")
    os.chmod("later/.git/hooks/pre-commit", 0o755)


main()
