"""The report: one self-contained HTML page for planners, customers and partners."""

from comity.server.report.page import render_report, write_report

__all__ = ["render_report", "write_report"]
