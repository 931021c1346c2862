# memcpy, memmove, memcmp and bcmp, which the linker finds before libc's. A request copies and compares about two hundred
# times, mostly a few bytes: starting musl's `rep movsq` takes longer than these take in all, and its memcmp compares
# byte by byte. Long copies are as fast as musl's best case, and two to three times as fast as its worst, a destination
# a few bytes above the source modulo 4096. `cargo bench --manifest-path benches/Cargo.toml -- memory` compares them.
        .intel_syntax noprefix
        .section .text.mem, "ax", @progbits

        .globl  memcpy, memmove
        .type   memcpy, @function
        .type   memmove, @function
        .p2align 4
memcpy:                                         # rdi: destination, rsi: source, rdx: bytes
memmove:                                        # everything that a store may overwrite is loaded before it
        mov     rax, rdi
        cmp     rdx, 16
        jb      5f
        movups  xmm2, [rsi]                     # the first 16 and the last 16, which the loops leave out
        movups  xmm3, [rsi + rdx - 16]
        cmp     rdx, 32
        ja      1f
        movups  [rdi], xmm2
        movups  [rdi + rdx - 16], xmm3
        ret
1:      lea     r8, [rdi + rdx - 16]
        mov     rcx, rdi
        sub     rcx, rsi
        cmp     rcx, rdx
        lea     rdx, [rdx - 32]
        jb      3f                              # the destination begins inside the source
        movups  xmm4, [rsi + rdx]               # of the last 32, the first half
        mov     ecx, edi                        # skips to an aligned address; xmm2 has the bytes before it
        neg     ecx
        and     ecx, 15
        add     rsi, rcx
        add     rdi, rcx
        sub     rdx, rcx
        sub     rdx, 64
        jl      10f
        .p2align 5                              # across a line of 32 bytes, each turn takes twice as long
2:      movups  xmm0, [rsi]
        movups  xmm1, [rsi + 16]
        movups  xmm5, [rsi + 32]
        movups  xmm6, [rsi + 48]
        add     rsi, 64
        movaps  [rdi], xmm0
        movaps  [rdi + 16], xmm1
        movaps  [rdi + 32], xmm5
        movaps  [rdi + 48], xmm6
        add     rdi, 64
        sub     rdx, 64
        jge     2b
10:     add     rdx, 64                         # what is left before the last 32: none, or up to 63 bytes
        jle     12f
11:     movups  xmm0, [rsi]
        movups  xmm1, [rsi + 16]
        add     rsi, 32
        movaps  [rdi], xmm0
        movaps  [rdi + 16], xmm1
        add     rdi, 32
        sub     rdx, 32
        jg      11b
12:     movups  [r8 - 16], xmm4
        movups  [r8], xmm3
        movups  [rax], xmm2
        ret
3:      movups  xmm4, [rsi + 16]                # backwards; of the first 32, the second half
        .p2align 5
4:      movups  xmm0, [rsi + rdx]
        movups  xmm1, [rsi + rdx + 16]
        movups  [rdi + rdx], xmm0
        movups  [rdi + rdx + 16], xmm1
        sub     rdx, 32
        ja      4b
        movups  [rdi + 16], xmm4
        movups  [rdi], xmm2
        ret
5:      cmp     edx, 8
        jae     7f
        cmp     edx, 4
        jae     6f
        test    edx, edx
        je      8f
        mov     r9d, edx
        shr     r9d
        movzx   ecx, byte ptr [rsi]
        movzx   r8d, byte ptr [rsi + rdx - 1]
        movzx   esi, byte ptr [rsi + r9]
        mov     [rdi], cl
        mov     [rdi + r9], sil
        mov     [rdi + rdx - 1], r8b
        ret
6:      mov     ecx, [rsi]
        mov     r8d, [rsi + rdx - 4]
        mov     [rdi], ecx
        mov     [rdi + rdx - 4], r8d
        ret
7:      mov     rcx, [rsi]
        mov     r8, [rsi + rdx - 8]
        mov     [rdi], rcx
        mov     [rdi + rdx - 8], r8
8:      ret
        .size   memcpy, . - memcpy
        .size   memmove, . - memmove

        .globl  bcmp
        .type   bcmp, @function
        .p2align 4
bcmp:                                           # rdi, rsi: what to compare, rdx: bytes; 0 if they are equal
        xor     eax, eax
        cmp     rdx, 8
        jb      3f
1:      cmp     rdx, 8
        jbe     2f
        mov     rcx, [rdi]
        cmp     rcx, [rsi]
        jne     4f
        add     rdi, 8
        add     rsi, 8
        sub     rdx, 8
        jmp     1b
2:      mov     rcx, [rdi + rdx - 8]            # the last 8, some of them a second time
        cmp     rcx, [rsi + rdx - 8]
        jne     4f
        ret
3:      sub     rdx, 1
        jb      5f
        movzx   ecx, byte ptr [rdi + rdx]
        cmp     cl, [rsi + rdx]
        je      3b
4:      inc     eax
5:      ret
        .size   bcmp, . - bcmp

        .globl  memcmp
        .type   memcmp, @function
        .p2align 4
memcmp:                                         # the difference of the first two bytes that differ
        xor     ecx, ecx
1:      lea     r8, [rcx + 8]
        cmp     r8, rdx
        ja      2f
        mov     r9, [rdi + rcx]
        cmp     r9, [rsi + rcx]
        jne     2f
        mov     rcx, r8
        jmp     1b
2:      xor     eax, eax
        cmp     rcx, rdx
        jae     3f
        movzx   eax, byte ptr [rdi + rcx]
        movzx   r8d, byte ptr [rsi + rcx]
        inc     rcx
        sub     eax, r8d
        je      2b
3:      ret
        .size   memcmp, . - memcmp
        .section .note.GNU-stack, "", @progbits
