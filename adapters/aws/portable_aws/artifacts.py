"""The bucket in which deployed code and templates lie: one for an account and region, `portable-ACCOUNT-REGION`.

Zips and templates lie by what is in them, so they are written once and never change; releases and locks have modules of
their own. The name can be guessed by others, so every call says whose bucket it has to be.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from portable.deploy.lock import Stored, Taken
from portable.errors import ConfigurationError, PermissionDenied

from .deploy_clients import Account, is_absent
from .errors import error_code, status_of

TAG = {"Key": "portable", "Value": "artifacts-1"}
"""Put on last: a bucket that has it has everything."""
PRIVATE = {"BlockPublicAcls": True, "IgnorePublicAcls": True, "BlockPublicPolicy": True, "RestrictPublicBuckets": True}
FIRST_REGION = "us-east-1"
"""The one that CreateBucket does not take by name."""
PRECONDITIONS = ("412", "PreconditionFailed", "409", "ConditionalRequestConflict")


def bucket_name(account: Account) -> str:
    return f"portable-{account.id}-{account.region}"


def is_taken(error: Exception) -> bool:
    """Whether a conditional write came too late."""
    return error_code(error) in PRECONDITIONS or status_of(error) in (409, 412)


class Artifacts:
    """Objects in the bucket, by key. Implements the Shelf of portable.deploy.lock and of portable.deploy.releases.

    An object's version is its ETag.
    """

    def __init__(self, s3: Any, account: Account) -> None:
        self._s3 = s3
        self._account = account
        self.bucket = bucket_name(account)

    def prepare(self) -> bool:
        """Makes the bucket and its settings where they are missing; whether it had to. Raises PermissionDenied."""
        try:
            tags = self._s3.get_bucket_tagging(**self._where())["TagSet"]
            if TAG in tags:
                return False
        except Exception as error:
            if error_code(error) == "NoSuchBucket":
                self._create()
            elif error_code(error) != "NoSuchTagSet":
                self._explain(error)
                raise
        where = self._where()
        self._s3.put_public_access_block(**where, PublicAccessBlockConfiguration=PRIVATE)
        self._s3.put_bucket_encryption(
            **where,
            ServerSideEncryptionConfiguration={
                "Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]
            },
        )
        self._s3.put_bucket_versioning(**where, VersioningConfiguration={"Status": "Enabled"})
        self._s3.put_bucket_lifecycle_configuration(**where, LifecycleConfiguration=lifecycle())
        self._s3.put_bucket_policy(**where, Policy=json.dumps(tls_only(self.bucket, self._account.partition)))
        self._s3.put_bucket_tagging(**where, Tagging={"TagSet": [TAG]})
        return True

    def _create(self) -> None:
        region = self._account.region
        options: dict[str, Any] = (
            {} if region == FIRST_REGION else {"CreateBucketConfiguration": {"LocationConstraint": region}}
        )
        try:
            self._s3.create_bucket(Bucket=self.bucket, **options)
        except Exception as error:
            # Made by another deploy, or by an attempt of ours whose answer was lost.
            if error_code(error) == "BucketAlreadyOwnedByYou":
                return
            self._explain(error)
            raise

    def _explain(self, error: Exception) -> None:
        if error_code(error) == "BucketAlreadyExists":
            raise ConfigurationError(
                f"the bucket {self.bucket} belongs to another account of AWS",
                hint="nothing was put there; its owner took a name that only your account should have: tell AWS",
            ) from error
        if status_of(error) == 403:
            raise PermissionDenied(
                f"the bucket {self.bucket} may not be used: {error}",
                hint="it belongs to another account, or your rights do not reach: "
                "`portable doctor --target aws --policy` prints them",
            ) from error

    def _where(self) -> dict[str, Any]:
        return {"Bucket": self.bucket, "ExpectedBucketOwner": self._account.id}

    # Objects

    def keep(self, files: Mapping[str, bytes]) -> int:
        """Puts files there whose names say what is in them; those that are there are not sent. How many were."""
        sent = 0
        for key, data in sorted(files.items()):
            if not self.has(key):
                self._s3.put_object(**self._where(), Key=key, Body=data)
                sent += 1
        return sent

    def has(self, key: str) -> bool:
        try:
            self._s3.head_object(**self._where(), Key=key)
        except Exception as error:
            if is_absent(error):
                return False
            raise
        return True

    def read(self, key: str) -> bytes | None:
        answer = self._answer(key)
        return None if answer is None else answer["Body"].read()

    def look(self, key: str) -> Stored | None:
        """Times are S3's own: when the object was written, and the date of the answer."""
        answer = self._answer(key)
        if answer is None:
            return None
        date = str(answer["ResponseMetadata"].get("HTTPHeaders", {}).get("date", ""))
        written: datetime = answer["LastModified"]
        now = parsedate_to_datetime(date) if date else datetime.now(UTC)
        return Stored(answer["Body"].read(), str(answer["ETag"]), written.timestamp(), now.timestamp())

    def _answer(self, key: str) -> Any:
        """What GetObject says, or None."""
        try:
            return self._s3.get_object(**self._where(), Key=key)
        except Exception as error:
            if is_absent(error):
                return None
            raise

    def put(self, key: str, data: bytes, version: str | None) -> str:
        """Writes on condition of the version (None: that there is none); the new one. Raises Taken."""
        condition = {"IfNoneMatch": "*"} if version is None else {"IfMatch": version}
        try:
            return str(self._s3.put_object(**self._where(), Key=key, Body=data, **condition)["ETag"])
        except Exception as error:
            if is_taken(error):
                raise Taken(key) from error
            raise

    def keys(self, prefix: str) -> list[str]:
        """All keys that begin so, sorted."""
        found: list[str] = []
        token: str | None = None
        while True:
            more = {"ContinuationToken": token} if token else {}
            answer = self._s3.list_objects_v2(**self._where(), Prefix=prefix, **more)
            found += [str(one["Key"]) for one in answer.get("Contents", ())]
            token = answer.get("NextContinuationToken")
            if not token:
                return sorted(found)

    def url(self, key: str) -> str:
        """The template at this key, as CloudFormation asks for it."""
        suffix = "amazonaws.com.cn" if self._account.partition == "aws-cn" else "amazonaws.com"
        return f"https://{self.bucket}.s3.{self._account.region}.{suffix}/{key}"


def lifecycle() -> dict[str, Any]:
    """Locks are rewritten all the time: their older versions go."""
    return {
        "Rules": [
            {
                "ID": "locks",
                "Status": "Enabled",
                "Filter": {"Prefix": "locks/"},
                "NoncurrentVersionExpiration": {"NoncurrentDays": 1},
            },
            {
                "ID": "uploads",
                "Status": "Enabled",
                "Filter": {"Prefix": ""},
                "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
            },
        ]
    }


def tls_only(bucket: str, partition: str) -> dict[str, Any]:
    arn = f"arn:{partition}:s3:::{bucket}"
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "TlsOnly",
                "Effect": "Deny",
                "Principal": "*",
                "Action": "s3:*",
                "Resource": [arn, f"{arn}/*"],
                "Condition": {"Bool": {"aws:SecureTransport": "false"}},
            }
        ],
    }
