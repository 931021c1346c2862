# pthread_setname_np(3) for the calling thread, the only one that std names. musl's formats a path under /proc, which
# links all of printf: 12 KB.
        .intel_syntax noprefix
        .globl  pthread_setname_np
        .type   pthread_setname_np, @function
        .text
pthread_setname_np:                             # rsi: the name, of which Linux keeps 15 bytes
        mov     edi, 15                         # PR_SET_NAME
        mov     eax, 157                        # prctl
        syscall
        neg     eax                             # an error number, or 0
        ret
        .size   pthread_setname_np, . - pthread_setname_np
        .section .note.GNU-stack, "", @progbits
