# Start code that applies RELR relocations, then jumps to musl's _start. musl applies them from 1.2.4 on, and Debian 12
# has 1.2.3. RELR lists the words of a position-independent file that hold addresses: 8 bytes for 1 to 63 of them, where
# RELA takes 24 bytes for each (System V gABI, "Relative Relocation Table").
#
# It runs first, on the kernel's stack, which it leaves as it is, and addresses everything relative to rip. It changes
# only the words that the linker listed, and nothing has read them before. Without a table it does nothing.
#
# It sets DT_RELRSZ to 0 before it applies the table. A relocation adds the load address, so applying it twice breaks
# every pointer: the 0 makes a later run of this code, and musl's own loop from 1.2.4 on, find an empty table.
        .intel_syntax noprefix
        .globl  relr_start
        .hidden relr_start
        .hidden __ehdr_start
        .type   relr_start, @function
        .section .text.startup, "ax", @progbits  # beside _start
relr_start:
        or      dword ptr [rip + _DYNAMIC], 0   # written before it is read: one page fault instead of two
        lea     r8, [rip + __ehdr_start]        # where the file was loaded
        lea     rax, [rip + _DYNAMIC]
        xor     ecx, ecx
        xor     edx, edx
1:      mov     rsi, [rax]                      # each tag
        cmp     rsi, 36                         # DT_RELR: the table
        cmove   rcx, [rax + 8]
        cmp     rsi, 35                         # DT_RELRSZ: its bytes
        jne     2f
        mov     rdx, [rax + 8]
        and     qword ptr [rax + 8], 0
2:      add     rax, 16
        test    rsi, rsi
        jnz     1b
        add     rcx, r8
        add     rdx, rcx
3:      cmp     rcx, rdx
        je      _start
        mov     rax, [rcx]
        add     rcx, 8
        test    al, 1
        jnz     4f
        lea     rdi, [r8 + rax]                 # even: an address, relocated, and the next word is where a map begins
        add     [rdi], r8
        add     rdi, 8
        jmp     3b
4:      shr     rax                             # odd: a map of the next 63 words, one bit each
        jz      6f
5:      bsf     rsi, rax
        add     [rdi + rsi * 8], r8
        lea     rsi, [rax - 1]
        and     rax, rsi                        # without its lowest bit
        jnz     5b
6:      add     rdi, 63 * 8
        jmp     3b
        .size   relr_start, . - relr_start
        .section .note.GNU-stack, "", @progbits
