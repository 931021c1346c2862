"""Decides which requests a good caller may lose, and what else is a failure."""

import collections
import re

from .services import DRAIN_TIMEOUT

GRACE = 1 # seconds after a crash in which a caller may still use a connection that it has closed


def excuse(failure, faults):
    """Returns the crash or the restart that explains a failure, or None.

    Without a proxy, a crash resets every connection of its process: what was in progress there, and what was sent on a connection
    from before the crash, is lost. Behind nginx, only a POST to the replica that crashed is lost, because nginx sends the others
    to another replica. A restart by TERM explains only such a POST that was still in progress when DRAIN_TIMEOUT had passed:
    a model that waits for its upstream until FAILOVER_TIMEOUT takes longer.
    """
    for fault in faults:
        is_restart = fault.kind.startswith("restart")
        lossy_from = fault.begun + (DRAIN_TIMEOUT if is_restart else 0)
        meanwhile = fault.ended is not None and failure["ended"] >= lossy_from and failure["begun"] <= fault.ended + GRACE
        if not meanwhile or is_restart and failure["target"] != "nginx":
            continue
        if failure["target"] == "nginx":
            if str(fault.port) in re.findall(r":(\d+)", failure["replicas"]) and failure["method"] == "POST":
                return fault
        elif failure["target"] == fault.target and (failure["opened"] is None or failure["opened"] <= fault.ended):
            return fault
    return None


def is_connection_lost(failure):
    """Whether the response is missing or incomplete, and not wrong."""
    reason = failure["reason"]
    if failure["target"] == "nginx" and "BrokenError 502" in reason:
        return True
    lost = ("BrokenError closed", "BrokenError ConnectionReset", "BrokenError IncompleteRead", "BrokenError BrokenPipe",
            "ConnectionResetError", "BrokenPipeError")
    return any(word in reason for word in lost)


def split(failures, faults, of_good=True):
    """Returns what crashes explain, counted by kind, and the failures that nothing explains.

    A bad caller has no claim: what it loses in a crash or a restart of its target is only counted."""
    lost, unexplained = collections.Counter(), []
    for failure in failures:
        fault = excuse(failure, faults) if is_connection_lost(failure) else None
        if fault is None and not of_good:
            fault = excuse_bad(failure, faults)
        if fault:
            lost[f"{failure['kind']}, {failure['method']}" if failure["method"] else failure["kind"]] += 1
        else:
            unexplained.append(failure)
    return lost, unexplained


def excuse_bad(failure, faults):
    if not is_connection_lost(failure):
        return None
    for fault in faults:
        same = fault.target == failure["target"] or (failure["target"] == "nginx" and fault.target.startswith("replica"))
        if same and fault.ended is not None and failure["ended"] >= fault.begun and failure["begun"] <= fault.ended + GRACE:
            return fault
    return None


def uncovered(counts, needed):
    """What the run was to reach and did not: a check that could not have failed."""
    return [outcome for outcome in needed if not any(key.startswith(outcome[0]) and outcome[1] in key for key in counts)]


# Each scenario, and an outcome that a run must have seen at least once.
NEEDED = [
    ("slow heads, gateway", "408"), ("slow heads, sign-in", "408"), ("slow bodies, gateway", "408"), ("slow bodies, sign-in", "408"),
    ("held bodies, gateway", "408"), ("held bodies, gateway", "429"), ("slow readers, gateway", "closed"), ("slow readers, nginx", "stopped"),
    ("slow readers of a stream, gateway", "closed"), ("slow readers of a stream, nginx", "stopped"),
    *((f"malformed requests, {target}", status) for target in ("gateway", "sign-in") for status in ("400", "501", "413", "431", "421", "404", "405")),
    ("long bodies, nginx", "413"), ("huge responses, gateway", "200"), ("huge responses, nginx", "200"),
    ("responses that are too long, gateway", "502"), ("cancelled requests, gateway", "left"), ("cancelled requests, nginx", "left"),
    ("held slots, nginx", "429"),
    ("streams that break off, gateway", "error event"), ("streams that break off, nginx", "broken off"),
    ("wrong keys, gateway", "401 429"), ("too many requests, gateway", "200 429"), ("too many connections, gateway", "429"),
    ("too many connections, sign-in", "503"), ("too many sign ins, sign-in", "429"), ("sign ins that fail, sign-in", "failed"),
    ("forged sessions, sign-in", "null"),
]


def memory(before, after, most):
    """What grew, for each place: descriptors without connections at all, private memory by more than `most` bytes; and
    connections that nobody has."""
    problems = []
    for place, (descriptors, _, dirty) in before.items():
        more, connections, now = after[place]
        if connections:
            problems.append(f"{place}: {connections} connections without traffic")
        if more > descriptors:
            problems.append(f"{place}: {descriptors} descriptors beside connections before, {more} after")
        if now > dirty + most:
            problems.append(f"{place}: {dirty:,} bytes of private memory before, {now:,} after")
    return problems
