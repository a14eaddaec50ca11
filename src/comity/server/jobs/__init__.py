"""Work in the background: the kinds of jobs, the worker of this process, the routes to watch and stop it."""

from comity.server.jobs.kinds import job_kinds
from comity.server.jobs.routes import router
from comity.server.jobs.running import Background

__all__ = ["Background", "job_kinds", "router"]
