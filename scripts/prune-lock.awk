# Prunes a Cargo.lock to what the given packages need, exactly as cargo would write it: cargo accepts the result with
# --locked. Needs no cargo.
# usage: LC_ALL=C awk -v roots="NAME NAME ..." -f scripts/prune-lock.awk Cargo.lock
/^\[\[package\]\]$/ { count++; next }
!count { header = header $0 "\n"; next }
/^name = / { split($0, part, "\""); name[count] = part[2] }
/^version = / { split($0, part, "\""); version[count] = part[2] }
/^source = / { split($0, part, "\""); source[count] = part[2] }
/^ "/ { split($0, part, "\""); needs[count, ++dependencies[count]] = part[2]; next }
$0 != "" && $0 != "]" && $0 != "dependencies = [" { head[count] = head[count] $0 "\n" }

# find(text): the package of a dependency, which is "name", "name version" or "name version (source)".
function find(text, part, parts, i) {
    parts = split(text, part, " ")
    for (i = 1; i <= count; i++)
        if (name[i] == part[1] && (parts < 2 || version[i] == part[2]) && (parts < 3 || "(" source[i] ")" == part[3])) return i
    print "prune-lock: Cargo.lock has no package '" text "'" >"/dev/stderr"
    exit failed = 1
}
# keep(i): keeps a package, and notes that its dependencies are to be visited.
function keep(i) {
    if (kept[i]) return
    kept[i] = 1
    changed = 1
}

END {
    if (failed) exit 1
    roots_given = split(roots, root, " ")
    for (r = 1; r <= roots_given; r++) keep(find(root[r]))
    while (changed) {
        changed = 0
        for (i = 1; i <= count; i++)
            if (kept[i])
                for (d = 1; d <= dependencies[i]; d++) {
                    if (!target[i, d]) target[i, d] = find(needs[i, d])
                    keep(target[i, d])
                }
    }
    for (i = 1; i <= count; i++)
        if (kept[i]) { names[name[i]]++; versions[name[i], version[i]]++ }
    printf "%s", header
    for (i = 1; i <= count; i++) {
        if (!kept[i]) continue
        printf "%s[[package]]\n%s", separator, head[i]
        separator = "\n"
        lines = ""
        for (d = 1; d <= dependencies[i]; d++) {
            to = target[i, d]
            text = name[to] # cargo adds the version, and the source, only where the name is ambiguous
            if (names[name[to]] > 1) text = text " " version[to]
            if (versions[name[to], version[to]] > 1) text = text " (" source[to] ")"
            lines = lines " \"" text "\",\n"
        }
        if (lines != "") printf "dependencies = [\n%s]\n", lines
    }
}
