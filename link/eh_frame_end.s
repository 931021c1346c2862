# Linked last: a length of zero ends the unwinding tables (Linux Standard Base, "Exception Frames"). Like crtend.o.
        .section .eh_frame, "a", @progbits
        .long   0
        .section .note.GNU-stack, "", @progbits
