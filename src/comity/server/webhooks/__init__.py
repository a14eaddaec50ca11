"""What customers are told and sent: webhooks, and deliveries to their own buckets."""

from comity.server.webhooks.routes import router

__all__ = ["router"]
