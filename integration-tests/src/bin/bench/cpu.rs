//! CPU time and memory of processes, as the kernel counts them.

use std::{fs, path::Path, time::Duration};

/// Clock ticks of /proc/PID/stat, which the kernel fixes for its users.
const TICK: Duration = Duration::from_millis(10);

/// CPU time of a process and its descendants so far, also of those that have ended.
///
/// The scheduler counts the threads that live in nanoseconds, but forgets those that have ended; the process's own account
/// forgets nothing, but is rounded down to 10 ms. The larger one is right, in both cases.
pub(crate) fn of_tree(pid: u32) -> Duration {
    tree(pid).iter().map(|&pid| account(pid)).sum()
}

/// CPU time of this thread so far.
pub(crate) fn of_this_thread() -> Duration {
    schedstat(Path::new("/proc/thread-self")).unwrap_or_default()
}

/// Peak of the resident memory of a process and its descendants since [`forget_peak`], in octets.
pub(crate) fn peak_of_tree(pid: u32) -> u64 {
    tree(pid).iter().filter_map(|&pid| status_field(pid, "VmHWM:")).sum()
}

/// The peaks begin anew. Without the right to say so, they stay.
pub(crate) fn forget_peak(pid: u32) {
    for pid in tree(pid) {
        let _ = fs::write(format!("/proc/{pid}/clear_refs"), "5");
    }
}

/// The process and its descendants.
fn tree(root: u32) -> Vec<u32> {
    let mut all = vec![root];
    let parents: Vec<(u32, u32)> = pids().filter_map(|pid| Some((pid, stat(pid)?.parent))).collect();
    let mut at = 0;
    while let Some(&parent) = all.get(at) {
        all.extend(parents.iter().filter(|(pid, its)| *its == parent && *pid != parent).map(|(pid, _)| *pid));
        at += 1;
    }
    all
}

fn pids() -> impl Iterator<Item = u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// What the process has used, with the children it has waited for.
fn account(pid: u32) -> Duration {
    let [own, children] = stat(pid).map_or([0, 0], |stat| stat.ticks);
    nanoseconds(pid).max(TICK * own) + TICK * children
}

fn nanoseconds(pid: u32) -> Duration {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    threads.filter_map(|thread| schedstat(&thread.path())).sum()
}

fn schedstat(task: &Path) -> Option<Duration> {
    let text = fs::read_to_string(task.join("schedstat")).ok()?;
    Some(Duration::from_nanos(text.split(' ').next()?.parse().ok()?))
}

struct Stat {
    parent: u32,
    /// utime and stime; cutime and cstime.
    ticks: [u32; 2],
}

fn stat(pid: u32) -> Option<Stat> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name stands in parentheses, and may have blanks and parentheses itself.
    let (_, rest) = text.rsplit_once(") ")?;
    let fields: Vec<&str> = rest.split(' ').collect();
    let number = |index: usize| fields.get(index)?.parse::<u32>().ok();
    Some(Stat { parent: number(1)?, ticks: [number(11)? + number(12)?, number(13)? + number(14)?] })
}

fn status_field(pid: u32, name: &str) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    Some(line.trim().trim_end_matches(" kB").trim().parse::<u64>().ok()? * 1024)
}
