# Start code that applies RELR relocations, then goes on to musl's _start: musl applies them from 1.2.4 on, and
# Debian 12 has 1.2.3. They are the addresses in a position-independent file that move with it, 1 to 63 of them
# in 8 bytes, where RELA has 24 bytes for each (System V gABI, "Relative Relocation Table").
# Before that it has the pages made present that every start writes: the relocated ones, the first of what follows
# them, five of the stack. That is two system calls in place of 24 page faults, a seventh of a start's time.
#
# It runs first of all, on the kernel's stack, which it leaves as it is. All it needs is relative to rip. Only words
# are written that the linker listed, each once; nothing has read them before. Making a page present changes no
# byte of it. Where there is no table it does nothing.
        .intel_syntax noprefix
        .globl  relr_start
        .hidden relr_start
        .hidden __ehdr_start
        .type   relr_start, @function
        .section .text.startup, "ax", @progbits  # beside _start
relr_start:
        lea     r8, [rip + __ehdr_start]        # where the file was loaded
        lea     rax, [rip + _DYNAMIC]
        xor     ecx, ecx
        xor     edx, edx
1:      mov     rsi, [rax]                      # each tag
        cmp     rsi, 36                         # DT_RELR: the table
        cmove   rcx, [rax + 8]
        cmp     rsi, 35                         # DT_RELRSZ: its bytes
        cmove   rdx, [rax + 8]
        add     rax, 16
        test    rsi, rsi
        jnz     1b
        add     rcx, r8
        add     rdx, rcx
        cmp     rcx, rdx
        je      _start
        mov     r9, rcx
        mov     r10, rdx
        mov     rdi, [rcx]                      # the first word that is relocated
        add     rdi, r8
        lea     rsi, [rip + _edata + 9 * 4096]
        lea     rax, [rip + _end]
        cmp     rsi, rax
        cmova   rsi, rax
        call    present
        lea     rdi, [rsp - 5 * 4096]
        mov     rsi, rsp
        call    present
        mov     rcx, r9
        mov     rdx, r10
2:      cmp     rcx, rdx
        je      _start
        mov     rax, [rcx]
        add     rcx, 8
        test    al, 1
        jnz     3f
        lea     rdi, [r8 + rax]                 # even: an address, relocated, and the next word is where a map begins
        add     [rdi], r8
        add     rdi, 8
        jmp     2b
3:      mov     rsi, rdi                        # odd: a map of the next 63 words
4:      shr     rax
        jz      6f
        test    al, 1
        jz      5f
        add     [rsi], r8
5:      add     rsi, 8
        jmp     4b
6:      add     rdi, 63 * 8
        jmp     2b
present:                                        # pages from rdi to rsi, by one call in place of a fault each
        and     rdi, -4096
        sub     rsi, rdi
        mov     edx, 23                         # MADV_POPULATE_WRITE, Linux 5.14; before that an error, which is no harm
        mov     eax, 28                         # madvise
        syscall
        ret
        .size   relr_start, . - relr_start
        .section .note.GNU-stack, "", @progbits
