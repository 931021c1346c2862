//! What a server weighs: memory at rest, and the system calls that it needs to answer once.

mod instructions;
mod memory;
mod syscalls;

pub(crate) use instructions::instructions;
pub(crate) use memory::MemoryReport;
pub(crate) use syscalls::Syscalls;
