# Start code that applies RELR relocations, then goes on to musl's _start: musl applies them from 1.2.4 on, and
# Debian 12 has 1.2.3. They are the addresses in a position-independent file that move with it, 1 to 63 of them
# in 8 bytes, where RELA has 24 bytes for each (System V gABI, "Relative Relocation Table").
#
# It runs first of all, on the kernel's stack, which it leaves as it is. All it needs is relative to rip. Only words
# are changed that the linker listed, each once; nothing has read them before. Where there is no table it does nothing.
        .intel_syntax noprefix
        .globl  relr_start
        .hidden relr_start
        .hidden __ehdr_start
        .type   relr_start, @function
        .section .text.startup, "ax", @progbits  # beside _start
relr_start:
        or      dword ptr [rip + _DYNAMIC], 0   # written before it is read: one page fault in place of two
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
3:      shr     rax                             # odd: a map of the next 63 words, one bit each
        jz      5f
4:      bsf     rsi, rax
        add     [rdi + rsi * 8], r8
        lea     rsi, [rax - 1]
        and     rax, rsi                        # without its lowest bit
        jnz     4b
5:      add     rdi, 63 * 8
        jmp     2b
        .size   relr_start, . - relr_start
        .section .note.GNU-stack, "", @progbits
