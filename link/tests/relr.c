/* Linked with relr.s instead of musl: `_start` below is what relr.s jumps to. The exit status is 0 if every pointer is
   right after relr.s has run, after it has run a second time, and after musl 1.2.4's loop has run too; else the number
   of the step whose result was wrong. */

typedef unsigned long word;

#define FOUR(x) &words[x], &words[x + 1], &words[x + 2], &words[x + 3]
#define SIXTEEN(x) FOUR(x), FOUR(x + 4), FOUR(x + 8), FOUR(x + 12)

/* Long runs and gaps, so that the table has addresses, full bitmaps and bitmaps with holes. */
static char words[256];
static char *pointers[512] = {
    SIXTEEN(0), SIXTEEN(16), SIXTEEN(32), SIXTEEN(48), SIXTEEN(64), SIXTEEN(80),
    [100] = &words[100], [102] = &words[102], [163] = &words[163], [180] = FOUR(180), [511] = &words[255],
};

extern word _DYNAMIC[] __attribute__((visibility("hidden")));
extern const char __ehdr_start[] __attribute__((visibility("hidden")));
void relr_start(void) __attribute__((visibility("hidden")));
static int runs;

static void finish(int status) {
    __asm__ volatile("syscall" : : "a"(231L), "D"((long)status) : "rcx", "r11", "memory"); /* exit_group */
    __builtin_unreachable();
}

static void check(int step) {
    for (int at = 0; at < 512; at++) {
        int used = at < 96 || at == 100 || at == 102 || at == 163 || (at >= 180 && at < 184) || at == 511;
        char *expected = used ? words + (at == 511 ? 255 : at) : 0;
        if (*(char *volatile *)&pointers[at] != expected) finish(step);
    }
}

/* As in ldso/dlstart.c of musl 1.2.4 and 1.2.5. */
static void musl_applies_relr(void) {
    word base = (word)__ehdr_start, dyn[37] = {0};
    for (word *tag = _DYNAMIC; *tag; tag += 2)
        if (*tag < 37) dyn[*tag] = tag[1];
    word *rel = (word *)(base + dyn[36]), size = dyn[35], *at = 0;
    for (; size; rel++, size -= sizeof *rel) {
        if (!(rel[0] & 1)) {
            at = (word *)(base + rel[0]);
            *at++ += base;
        } else {
            for (word i = 0, map = rel[0]; map >>= 1; i++)
                if (map & 1) at[i] += base;
            at += 8 * sizeof(word) - 1;
        }
    }
}

__attribute__((force_align_arg_pointer, used)) void _start(void) {
    check(++runs); /* 1: relr.s does not apply the table. 2: it applies the table twice. */
    if (runs == 1) {
        relr_start();
        finish(9);
    }
    musl_applies_relr();
    check(3);
    finish(0);
}
