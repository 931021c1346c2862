//! What a server costs apart from time: memory, page faults, system calls and instructions.

mod instructions;
mod memory;
mod syscalls;

pub(crate) use instructions::instructions;
pub(crate) use memory::MemoryReport;
pub(crate) use syscalls::Syscalls;
