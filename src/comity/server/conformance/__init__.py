"""A conformance suite for any STAPI 0.1.0 server: what the specification requires, asked over the wire."""

from comity.server.conformance.findings import Finding, Report
from comity.server.conformance.probe import Asked
from comity.server.conformance.suite import check_server

__all__ = ["Asked", "Finding", "Report", "check_server"]
