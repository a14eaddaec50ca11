"""``/buckets``: delivery to a customer's own bucket."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field

from comity.operations.buckets import Bucket, add_bucket, bucket_of, buckets_of, delete_bucket
from comity.server.dependencies import OperationId, OperatorDep, Wire, scoped
from comity.server.identity import Caller, machine_now
from comity.server.jobs.routes import JobOut, job_out
from comity.server.jobs.running import Background
from comity.server.operator import Operator
from comity.server.problems import ForbiddenError, in_field
from comity.server.settings import Settings

Keeper = Annotated[Caller, scoped("webhooks")]


class BucketIn(Wire):
    """A bucket and the credentials that may write to it, and to nothing else."""

    place: str = Field(
        min_length=1, max_length=500, description="s3://BUCKET or s3://BUCKET/PREFIX.",
        examples=["s3://dj-environment/comity"],
    )  # fmt: skip
    endpoint: str | None = Field(
        default=None, max_length=2000, description="S3-compatible server, https; default: Amazon.",
        examples=["https://s3.example.dj"],
    )  # fmt: skip
    region: str = Field(default="us-east-1", pattern="^[a-z0-9][a-z0-9-]{0,39}$")
    access_key_id: str = Field(min_length=1, max_length=256)
    secret_access_key: str = Field(min_length=1, max_length=256, json_schema_extra={"format": "password"})


class BucketOut(BaseModel):
    """A bucket; its secret is not told."""

    id: str
    place: str
    endpoint: str | None
    region: str
    access_key_id: str
    state: Literal["unverified", "verified", "deleted"]
    created: str
    verified: str | None


class BucketsOut(BaseModel):
    """Buckets, oldest first."""

    buckets: list[BucketOut]


def router(operator: Operator, settings: Settings, background: Background) -> APIRouter:
    """Routes of buckets."""
    routes = APIRouter(prefix="/buckets", tags=["Buckets"])

    @routes.post("", operation_id="createBucket", summary="Have a bucket delivered to", status_code=201)
    def create(
        operator: OperatorDep, caller: Keeper, operation: OperationId, asked: BucketIn, response: Response
    ) -> BucketOut:
        """Nothing is put into it before it is verified: `POST /buckets/{bucket_id}/verify`."""
        with in_field("body"):
            made = add_bucket(
                operator.sql,
                background.opener,
                tenant=_owner(caller),
                now=machine_now(),
                id=operation.replace("op-", "bucket-", 1),
                **asked.model_dump(),
            )
        response.headers["Location"] = f"{settings.base_url}/buckets/{made.id}"
        return _out(made)

    @routes.get("", operation_id="listBuckets", summary="Own buckets")
    def listed(operator: OperatorDep, caller: Keeper) -> BucketsOut:
        return BucketsOut(buckets=[_out(b) for b in buckets_of(operator.sql, _owner(caller))])

    @routes.get("/{bucket_id}", operation_id="getBucket", summary="One bucket")
    def one(operator: OperatorDep, caller: Keeper, bucket_id: str) -> BucketOut:
        return _out(bucket_of(operator.sql, bucket_id, _owner(caller)))

    @routes.delete("/{bucket_id}", operation_id="deleteBucket", summary="Forget a bucket", status_code=204)
    def delete(operator: OperatorDep, caller: Keeper, bucket_id: str) -> None:
        """Its credentials are forgotten; what lies in it stays."""
        delete_bucket(operator.sql, bucket_id, tenant=_owner(caller))

    @routes.post(
        "/{bucket_id}/verify",
        operation_id="verifyBucket",
        summary="Verify a bucket by a test write",
        status_code=202,
    )
    def verify(operator: OperatorDep, caller: Keeper, operation: OperationId, bucket_id: str) -> JobOut:
        """A small object is written, read back and removed; the job tells what the bucket said."""
        found = bucket_of(operator.sql, bucket_id, _owner(caller))
        with operator.sql.begin_jobs() as jobs:
            job = jobs.add(
                "verify-bucket",
                {"bucket": found.id},
                now=machine_now(),
                tenant=found.tenant,
                key=operation,
                most_runs=2,
            )
        background.wake()
        return job_out(job, caller)

    return routes


def _owner(caller: Caller) -> str:
    """The tenant whose items the caller may have delivered."""
    if caller.role != "customer":
        raise ForbiddenError("deliveries are a customer's: only a customer keeps buckets")
    return caller.tenant


def _out(bucket: Bucket) -> BucketOut:
    return BucketOut(
        id=bucket.id,
        place=bucket.place,
        endpoint=bucket.endpoint,
        region=bucket.region,
        access_key_id=bucket.access_key_id,
        state=bucket.state,
        created=bucket.created.iso(),
        verified=None if bucket.verified is None else bucket.verified.iso(),
    )
