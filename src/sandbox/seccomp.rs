//! System calls that no agent needs and that reach around its scope. A refused call fails
//! with EPERM, or ENOSYS where programs know a way without it.
//!
//! The lists follow what container engines refuse by default, minus what a build or a
//! debugger of the agent's own processes needs (ptrace stays: the kernel holds it to the
//! sandbox's own processes).

use libc::c_long;
use seccompiler::{
    BpfProgram, SeccompAction,
    SeccompCmpArgLen::{Dword, Qword as Long},
    SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule, sock_filter,
};
use std::collections::BTreeMap;
use std::io;

/// Which calls are refused beside those that always are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Refuse {
    /// Sockets of the Unix family (pairs stay): where no namespace hides others' sockets.
    pub unix: bool,
    /// Owners and attributes by path, which Landlock leaves open to all; by an open
    /// descriptor they can still be changed. Modes and times are left open too, since neither
    /// git nor a build does without.
    pub attributes: bool,
    /// Memory that can be executed as a file: it would pass for no program at all.
    pub memfd: bool,
}

/// Namespaces, mounts and what changes the machine or looks into the kernel.
const FORBIDDEN: &[c_long] = &[
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_mount_setattr,
    // The session keyring is the user's, not the sandbox's.
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_kexec_load,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_quotactl,
    libc::SYS_acct,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_open_by_handle_at,
    libc::SYS_lookup_dcookie,
    libc::SYS_syslog,
    libc::SYS_vhangup,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    libc::SYS_fanotify_init,
    libc::SYS_nfsservctl,
];

/// Changes to what a path leads to.
const ATTRIBUTES: &[c_long] = &[
    libc::SYS_fchownat,
    libc::SYS_setxattr,
    libc::SYS_lsetxattr,
    libc::SYS_removexattr,
    libc::SYS_lremovexattr,
    // setxattrat and removexattrat, by the same numbers everywhere; the library does not name
    // them yet.
    463,
    466,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_chown,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_lchown,
];

/// A door of its own past many of these rules; libraries know how to do without.
const UNKNOWN: &[c_long] = &[
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    // Its flags lie in memory, where no filter sees them.
    libc::SYS_clone3,
];

/// Flags of clone(2) that make a namespace.
const NAMESPACES: [libc::c_int; 7] = [
    libc::CLONE_NEWUSER,
    libc::CLONE_NEWNS,
    libc::CLONE_NEWPID,
    libc::CLONE_NEWNET,
    libc::CLONE_NEWIPC,
    libc::CLONE_NEWUTS,
    libc::CLONE_NEWCGROUP,
];

/// Families that sockets may have. Others (vsock, packet, alg, bluetooth …) reach what is
/// outside of any network namespace, or parts of the kernel that few have looked at.
const FAMILIES: [libc::c_int; 4] = [libc::AF_UNIX, libc::AF_INET, libc::AF_INET6, libc::AF_NETLINK];

/// Keys typed into a terminal as if by its user, and its screen read back.
const TERMINAL: [u64; 2] = [0x5412, 0x541C];

/// What is installed, one after the other: the kernel asks all and takes the strictest.
///
/// # Errors
/// When there are no filters for this processor.
pub fn programs(refuse: Refuse) -> io::Result<Vec<BpfProgram>> {
    let unknown = UNKNOWN.iter().map(|call| (*call, Vec::new())).collect();
    let mut programs = vec![
        filter(unknown, libc::ENOSYS as u32)?,
        filter(rules(refuse).map_err(io::Error::other)?, libc::EPERM as u32)?,
    ];
    if cfg!(target_arch = "x86_64") {
        programs.insert(0, second_set());
    }
    Ok(programs)
}

/// Installs them on this thread and all that it will start; sets no-new-privileges.
///
/// # Errors
/// When the kernel takes no filters.
pub fn install(refuse: Refuse) -> io::Result<()> {
    for program in programs(refuse)? {
        seccompiler::apply_filter(&program).map_err(io::Error::other)?;
    }
    Ok(())
}

/// Keeps this thread, and all that it will start, on the cores that it has; sets
/// no-new-privileges.
///
/// # Errors
/// As [`install`].
pub fn keep_cores() -> io::Result<()> {
    refuse(libc::SYS_sched_setaffinity, libc::EPERM)
}

/// Keeps this process, and all that it will start, from taking room on a disk without writing
/// to it, of which no figure tells; programs take it for a file system that cannot do it, and
/// write. Sets no-new-privileges.
///
/// # Errors
/// As [`install`].
pub fn no_room_without_writing() -> io::Result<()> {
    refuse(libc::SYS_fallocate, libc::EOPNOTSUPP)
}

fn refuse(call: c_long, errno: i32) -> io::Result<()> {
    if cfg!(target_arch = "x86_64") {
        seccompiler::apply_filter(&second_set()).map_err(io::Error::other)?;
    }
    let program = filter(BTreeMap::from([(call, Vec::new())]), errno as u32)?;
    seccompiler::apply_filter(&program).map_err(io::Error::other)
}

fn filter(rules: BTreeMap<c_long, Vec<SeccompRule>>, errno: u32) -> io::Result<BpfProgram> {
    let arch = std::env::consts::ARCH.try_into().map_err(io::Error::other)?;
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, SeccompAction::Errno(errno), arch);
    filter.and_then(BpfProgram::try_from).map_err(io::Error::other)
}

/// Refuses the second set of calls of an x86 kernel (x32), whose numbers, marked by bit 30,
/// no rule of the other filters would know.
fn second_set() -> BpfProgram {
    let step = |code, jt, jf, k| sock_filter { code, jt, jf, k };
    let refused = libc::SECCOMP_RET_ERRNO | libc::ENOSYS as u32;
    vec![
        // The number; if it is 2^30 or more, no; else yes.
        step((libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16, 0, 0, 0),
        step((libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K) as u16, 0, 1, 0x4000_0000),
        step((libc::BPF_RET | libc::BPF_K) as u16, 0, 0, refused),
        step((libc::BPF_RET | libc::BPF_K) as u16, 0, 0, libc::SECCOMP_RET_ALLOW),
    ]
}

type Rules = BTreeMap<c_long, Vec<SeccompRule>>;

fn rules(refuse: Refuse) -> Result<Rules, seccompiler::BackendError> {
    let mut rules: Rules = FORBIDDEN.iter().map(|call| (*call, Vec::new())).collect();
    #[cfg(target_arch = "x86_64")]
    for call in [libc::SYS_iopl, libc::SYS_ioperm, libc::SYS_kexec_file_load, libc::SYS_uselib] {
        rules.insert(call, Vec::new());
    }
    let one = |condition| SeccompRule::new(vec![condition]);
    // The upper half of the number is ignored by the kernel, and must be by us.
    let terminal = TERMINAL.iter().map(|request| one(equals(1, *request)?));
    rules.insert(libc::SYS_ioctl, terminal.collect::<Result<_, _>>()?);
    let namespaces = NAMESPACES.iter().map(|flag| {
        let flag = *flag as u64;
        one(SeccompCondition::new(0, Long, SeccompCmpOp::MaskedEq(flag), flag)?)
    });
    rules.insert(libc::SYS_clone, namespaces.collect::<Result<_, _>>()?);
    let mut families = vec![SeccompRule::new(
        FAMILIES.iter().map(|family| differs(0, *family as u64)).collect::<Result<_, _>>()?,
    )?];
    // Of netlink only what lists the network's interfaces.
    families.push(SeccompRule::new(vec![
        equals(0, libc::AF_NETLINK as u64)?,
        differs(2, libc::NETLINK_ROUTE as u64)?,
    ])?);
    if refuse.unix {
        families.push(one(equals(0, libc::AF_UNIX as u64)?)?);
    }
    rules.insert(libc::SYS_socket, families);
    if refuse.attributes {
        rules.extend(ATTRIBUTES.iter().map(|call| (*call, Vec::new())));
    }
    if refuse.memfd {
        let sealed = u64::from(libc::MFD_NOEXEC_SEAL);
        let open = SeccompCondition::new(1, Long, SeccompCmpOp::MaskedEq(sealed), 0)?;
        rules.insert(libc::SYS_memfd_create, vec![one(open)?]);
    }
    Ok(rules)
}

fn equals(argument: u8, value: u64) -> Result<SeccompCondition, seccompiler::BackendError> {
    SeccompCondition::new(argument, Dword, SeccompCmpOp::Eq, value)
}

fn differs(argument: u8, value: u64) -> Result<SeccompCondition, seccompiler::BackendError> {
    SeccompCondition::new(argument, Dword, SeccompCmpOp::Ne, value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_filters_fit_this_processor() {
        for refuse in [Refuse::default(), Refuse { unix: true, attributes: true, memfd: true }] {
            let programs = programs(refuse).unwrap();
            assert!(programs.iter().all(|program| (4..=4096).contains(&program.len())));
        }
        let more = |refuse| programs(refuse).unwrap().iter().map(Vec::len).sum::<usize>();
        let least = more(Refuse::default());
        assert!(more(Refuse { unix: true, ..Refuse::default() }) > least);
        assert!(more(Refuse { memfd: true, ..Refuse::default() }) > least);
    }
}
