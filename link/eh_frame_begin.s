# Linked first: the start of the unwinding tables, for the crate `unwinding`. crtbegin.o, which is not linked, does the same.
        .globl  __eh_frame
        .hidden __eh_frame
        .section .eh_frame, "a", @progbits
__eh_frame:
        .section .note.GNU-stack, "", @progbits
