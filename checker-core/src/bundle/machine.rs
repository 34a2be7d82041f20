use serde::{Deserialize, Serialize};
use sysinfo::{MemoryRefreshKind, RefreshKind, System};

/// The machine that the tool ran on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// Its host name.
    pub hostname: Option<String>,
    /// Operating system and its release.
    pub os: Option<String>,
    /// The release of its kernel.
    pub kernel: Option<String>,
    /// The processor's architecture.
    pub arch: String,
    /// Logical processors that this process may use.
    pub cpus: Option<usize>,
    /// Memory in bytes.
    pub memory: Option<u64>,
}

impl Machine {
    /// The machine that this is.
    #[must_use]
    pub fn here() -> Self {
        let memory = RefreshKind::nothing().with_memory(MemoryRefreshKind::nothing().with_ram());
        Self {
            hostname: System::host_name().ok(),
            os: System::long_os_version().ok(),
            kernel: System::kernel_version().ok(),
            arch: System::cpu_arch(),
            cpus: std::thread::available_parallelism().ok().map(usize::from),
            memory: System::new_with_specifics(memory)
                .ok()
                .map(|system| system.total_memory()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_tells() {
        let here = Machine::here();
        assert!(here.memory > Some(1 << 20), "{here:?}");
        assert!(here.kernel.is_some() && here.hostname.is_some(), "{here:?}");
    }
}
