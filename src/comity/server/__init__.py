"""What others see of the operator: for now its report, later the HTTP API and the web page."""

from comity.server.report import render_report, write_report

__all__ = ["render_report", "write_report"]
