# Adds a new package of the workspace to Cargo.lock, exactly as cargo would write it. Needs no cargo.
# usage: LC_ALL=C awk -v name=NAME -f scripts/add-to-lock.awk TEMPLATE/Cargo.toml Cargo.lock
# The dependencies are those of the template's Cargo.toml. All are dependencies of space-kit too, so that Cargo.lock has
# their versions; if one is not, run cargo instead.
FNR == 1 { files++ }
files == 1 && /^\[/ { in_dependencies = /^\[(dev-|build-)?dependencies\]/ }
files == 1 && in_dependencies && /^[a-z]/ { split($0, part, /[ .=]/); wanted[part[1]] = 1 }
files == 1 { next }

/^version = / && !started { lock = lock $0 "\n"; next }
/^\[\[package\]\]$/ { started = 1; count++; next }
!started { lock = lock $0 "\n"; next }
/^name = / { split($0, part, "\""); names[count] = part[2] }
/^ "/ && names[count] == "space-kit" { split($0, part, "\""); split(part[2], word, " "); as_in_kit[word[1]] = part[2] }
/^version = / && names[count] == "space-kit" { split($0, part, "\""); version = part[2] }
{ body[count] = body[count] $0 "\n" }

END {
    as_in_kit["space-kit"] = "space-kit"
    for (it in wanted) {
        if (!(it in as_in_kit)) { print "new-backend: space-kit does not depend on " it ", so its version is unknown" >"/dev/stderr"; exit 1 }
        sorted[++total] = as_in_kit[it]
        for (i = total; i > 1 && sorted[i - 1] > sorted[i]; i--) { swap = sorted[i]; sorted[i] = sorted[i - 1]; sorted[i - 1] = swap }
    }
    own = "name = \"" name "\"\nversion = \"" version "\"\ndependencies = [\n"
    for (i = 1; i <= total; i++) own = own " \"" sorted[i] "\",\n"
    own = own "]\n"
    printf "%s", lock
    for (i = 1; i <= count; i++) {
        if (!added && names[i] > name) { printf "[[package]]\n%s\n", own; added = 1 }
        printf "[[package]]\n%s", body[i]
    }
    if (!added) printf "\n[[package]]\n%s", own
}
