//! The container's memory limit, from which budgets take their defaults.

use std::sync::OnceLock;

/// The lowest memory limit of this process's control groups, in bytes, if there is one. It is read at the first call, so
/// make that when a budget is needed and not at start-up.
pub fn memory_limit() -> Option<usize> {
    static LIMIT: OnceLock<Option<usize>> = OnceLock::new();
    *LIMIT.get_or_init(|| lowest(&|path| std::fs::read_to_string(path).ok()))
}

/// The lowest limit on the path of each hierarchy: `memory.max` of version 2, or `memory.limit_in_bytes` of version 1
/// (cgroups(7), and the kernel's `cgroup-v2.rst`). A level that cannot be read has no limit: in a container, the path may
/// be the host's, and then only the root is there, which is the container's own group.
fn lowest(read: &dyn Fn(&str) -> Option<String>) -> Option<usize> {
    let groups = read("/proc/self/cgroup")?;
    let mut lowest = None;
    for group in groups.lines() {
        let mut fields = group.splitn(3, ':');
        let (_, controllers, path) = (fields.next(), fields.next()?, fields.next()?);
        let (root, file) = match controllers {
            "" => ("/sys/fs/cgroup", "memory.max"),
            names if names.split(',').any(|name| name == "memory") => {
                ("/sys/fs/cgroup/memory", "memory.limit_in_bytes")
            }
            _ => continue,
        };
        let mut level = Some(path.trim_end_matches('/'));
        while let Some(path) = level {
            let text = read(&[root, path, "/", file].concat());
            // "max" is no number. Version 1 writes "no limit" as a number that no machine reaches.
            let limit = text.and_then(|text| text.trim_ascii().parse().ok()).filter(|limit| *limit < 1 << 60);
            lowest = limit.into_iter().chain(lowest).min();
            level = path.rsplit_once('/').map(|(above, _)| above);
        }
    }
    lowest
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn found(files: &[(&str, &str)]) -> Option<usize> {
        lowest(&|path| files.iter().find(|(name, _)| *name == path).map(|(_, text)| (*text).to_owned()))
    }

    #[test]
    fn the_lowest_limit_on_the_path_counts() {
        let own = ("/proc/self/cgroup", "0::/a/b\n");
        let limit = |path, text| (path, text);
        assert_eq!(found(&[]), None);
        assert_eq!(found(&[own]), None);
        assert_eq!(found(&[own, limit("/sys/fs/cgroup/a/b/memory.max", "max\n")]), None);
        let (low, high) = ("/sys/fs/cgroup/a/b/memory.max", "/sys/fs/cgroup/a/memory.max");
        assert_eq!(found(&[own, (low, "500\n"), (high, "700\n")]), Some(500));
        assert_eq!(found(&[own, (low, "max\n"), (high, "700\n")]), Some(700));
        assert_eq!(found(&[own, (low, "900\n"), (high, "700\n")]), Some(700));
    }

    #[test]
    fn a_container_finds_its_limit_at_the_root_of_either_version() {
        let two = ("/sys/fs/cgroup/memory.max", "268435456\n");
        for path in ["0::/\n", "0::/../../x\n", "0::/docker/6f\n"] {
            assert_eq!(found(&[("/proc/self/cgroup", path), two]), Some(256 << 20), "{path}");
        }
        let groups = "12:cpu,cpuacct:/docker/6f\n9:memory:/docker/6f\n1:name=systemd:/docker/6f\n";
        let root = "/sys/fs/cgroup/memory/memory.limit_in_bytes";
        assert_eq!(found(&[("/proc/self/cgroup", groups), (root, "1048576")]), Some(1 << 20));
        assert_eq!(found(&[("/proc/self/cgroup", groups), (root, "9223372036854771712")]), None);
    }

    proptest! {
        #[test]
        fn whatever_the_files_hold_nothing_but_a_number_in_them_is_a_limit(groups in ".*", text in ".*") {
            let read = |path: &str| Some(if path == "/proc/self/cgroup" { groups.clone() } else { text.clone() });
            let limit = lowest(&read);
            prop_assert!(limit.is_none() || limit == text.trim_ascii().parse().ok());
        }
    }
}
