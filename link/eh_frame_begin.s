# Linked first: where the tables for unwinding begin, for the crate `unwinding`. Like crtbegin.o, which is not linked.
        .globl  __eh_frame
        .hidden __eh_frame
        .section .eh_frame, "a", @progbits
__eh_frame:
        .section .note.GNU-stack, "", @progbits
