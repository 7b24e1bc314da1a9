"""PromQL of the chart and of the dashboard before the real promtool."""
