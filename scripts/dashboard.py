#!/usr/bin/env python3
"""Writes deploy/dashboard.json, a Grafana dashboard for both backends, with Grafana's own builders.
usage: scripts/dashboard.py        (prints it; scripts/test-operations.py runs this and compares)
Import the file in Grafana; it asks for the Prometheus data source."""

import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
REAL = 'route!~"/health.*|/metrics"'
JOB = 'job=~"$job"'


def quantiles(metric, by, more=""):
    return [(f"histogram_quantile({part}, sum by ({by}, le) (rate({metric}_bucket{{{JOB}{more}}}[$__rate_interval])))", f"{{{{{by}}}}} p{name}")
            for part, name in ((0.5, "50"), (0.95, "95"))]


# Row, then its panels: title, unit, and the queries with their legends.
PANELS = [
    ("Requests", [
        ("Requests by status", "reqps", [(f"sum by (job, code) (rate(space_http_requests_total{{{JOB},{REAL}}}[$__rate_interval]))", "{{job}} {{code}}")]),
        ("Duration", "s", quantiles("space_http_request_duration_seconds", "route", f",{REAL}")),
        ("In flight", "short", [(f"sum by (job) (space_http_requests_in_flight{{{JOB}}})", "{{job}} requests"), (f"sum by (job) (space_http_connections{{{JOB}}})", "{{job}} connections")]),
    ]),
    ("Upstreams of python-backend", [
        ("Attempts", "reqps", [(f"sum by (upstream, outcome, code) (rate(gateway_upstream_tries_total{{{JOB}}}[$__rate_interval]))", "{{upstream}} {{outcome}} {{code}}")]),
        ("Time to first token", "s", quantiles("gateway_time_to_first_token_seconds", "upstream")),
        ("Duration of an attempt", "s", quantiles("gateway_upstream_duration_seconds", "upstream")),
        ("Open circuit breakers", "short", [(f"max by (upstream) (gateway_breaker_open{{{JOB}}})", "{{upstream}}")]),
        ("Tokens", "short", [(f"sum by (model, kind) (rate(gateway_tokens_total{{{JOB}}}[$__rate_interval]))", "{{model}} {{kind}}")]),
        ("Slots and queue", "short", [(f"sum by (job) (gateway_slots_in_use{{{JOB}}})", "at the upstreams"), (f"sum by (job) (gateway_queue_length{{{JOB}}})", "waiting")]),
    ]),
    ("Processes", [
        ("Processor", "percentunit", [(f"rate(process_cpu_seconds_total{{{JOB}}}[$__rate_interval])", "{{job}} {{instance}}")]),
        ("Resident memory", "bytes", [(f"process_resident_memory_bytes{{{JOB}}}", "{{job}} {{instance}}")]),
        ("Descriptors", "short", [(f"process_open_fds{{{JOB}}}", "{{job}} {{instance}} open"), (f"process_max_fds{{{JOB}}}", "{{job}} {{instance}} limit")]),
        ("Crashes and lost log lines", "short", [
            (f"increase(space_restarts_total{{{JOB}}}[$__rate_interval])", "{{job}} {{instance}} {{cause}}"),
            (f"increase(space_log_lines_dropped_total{{{JOB}}}[$__rate_interval])", "{{job}} {{instance}} lines"),
        ]),
    ]),
]


def build():
    from grafana_foundation_sdk.builders import common, dashboard, prometheus, timeseries
    from grafana_foundation_sdk.cog.encoder import JSONEncoder
    from grafana_foundation_sdk.models.dashboard import DataSourceRef

    source = DataSourceRef(type_val="prometheus", uid="${source}")
    board = (dashboard.Dashboard("Space backends").uid("space-backends").tags(["space-backends"]).refresh("30s").time("now-3h", "now").timezone("browser")
             .with_variable(dashboard.DatasourceVariable("source").type("prometheus").label("Data source"))
             .with_variable(dashboard.QueryVariable("job").label("Job").datasource(source).query("label_values(space_build_info, job)").multi(True).include_all(True)))
    for row, panels in PANELS:
        board.with_row(dashboard.Row(row))
        for title, unit, queries in panels:
            panel = timeseries.Panel().title(title).unit(unit).datasource(source).min(0).span(8).height(8)
            panel.legend(common.VizLegendOptions().display_mode("list").placement("bottom").show_legend(True))
            for name, (query, legend) in zip("ABC", queries):
                panel.with_target(prometheus.Dataquery().ref_id(name).expr(query).legend_format(legend))
            board.with_panel(panel)
    return JSONEncoder(sort_keys=True, indent=1).encode(board.build()) + "\n"


def main():
    if os.environ.get("IN_VENV") != "yes":
        python = subprocess.check_output([f"{ROOT}/scripts/venv.sh", "dashboard", f"{ROOT}/deploy/dashboard.txt"], text=True).strip()
        sys.exit(subprocess.run([python, __file__], env=os.environ | {"IN_VENV": "yes"}).returncode)
    sys.stdout.write(build())


if __name__ == "__main__":
    main()
