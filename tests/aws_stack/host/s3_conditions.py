"""Where LocalStack's S3 is not S3: conditions that it does not know, and two mistakes.

STAND-IN of ours: If-Match of DeleteObject and If-None-Match of CopyObject, checked as LocalStack itself checks those of
PutObject, under the lock of the key. The mistakes: in a listing with encoded keys `StartAfter` is compared with the
encoded ones, and a signed URL whose parameters are no numbers is answered with 500. And what nobody has signed is done
as if somebody had: here it is refused, as S3 does with buckets that block public access.
https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-deletes.html
https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
"""

import functools
from typing import Any
from urllib.parse import quote

SIGNING = "AuthorizationQueryParametersError"
UNSIGNED = "injectedaccesskey"
"""Whose key LocalStack puts into a request that has none."""


def install() -> None:
    install_conditions()
    install_listing()
    install_for_signed_urls()


def install_conditions() -> None:
    from localstack.aws.api.s3 import PreconditionFailed
    from localstack.services.s3 import provider

    original_delete: Any = provider.S3Provider.delete_object
    original_copy: Any = provider.S3Provider.copy_object
    original_complete: Any = provider.S3Provider.complete_multipart_upload

    @functools.wraps(original_delete)
    def delete_object(self: Any, context: Any, bucket: str, key: str, if_match: str | None = None, **rest: Any) -> Any:
        with self._preconditions_locks[bucket][key]:
            if if_match is not None:
                _, found = self._get_cross_account_bucket(context, bucket)
                provider.verify_object_equality_precondition_write(found, key, if_match)
            return original_delete(self, context, bucket, key, **rest)

    @functools.wraps(original_copy)
    def copy_object(self: Any, context: Any, request: Any) -> Any:
        bucket, key = request["Bucket"], request["Key"]
        with self._preconditions_locks[bucket][key]:
            _, found = self._get_cross_account_bucket(context, bucket)
            if request.get("IfNoneMatch") and provider.object_exists_for_precondition_write(found, key):
                raise PreconditionFailed(
                    "At least one of the pre-conditions you specified did not hold", Condition="If-None-Match"
                )
            return original_copy(self, context, request)

    @functools.wraps(original_complete)
    def complete_multipart_upload(self: Any, context: Any, bucket: str, key: str, *given: Any, **rest: Any) -> Any:
        # LocalStack checks its conditions without the lock that its PutObject holds.
        with self._preconditions_locks[bucket][key]:
            return original_complete(self, context, bucket, key, *given, **rest)

    provider.S3Provider.delete_object = delete_object
    provider.S3Provider.copy_object = copy_object
    provider.S3Provider.complete_multipart_upload = complete_multipart_upload


def install_listing() -> None:
    from localstack.services.s3 import provider

    original: Any = provider.S3Provider.list_objects_v2

    @functools.wraps(original)
    def list_objects_v2(self: Any, context: Any, bucket: str, *, encoding_type: str | None = None, **rest: Any) -> Any:
        answer = original(self, context, bucket, encoding_type=None, **rest)
        if encoding_type is None:
            return answer
        for entry in answer.get("Contents", ()):
            entry["Key"] = quote(entry["Key"])
        for entry in answer.get("CommonPrefixes", ()):
            entry["Prefix"] = quote(entry["Prefix"])
        for name in ("Prefix", "Delimiter", "StartAfter"):
            if answer.get(name):
                answer[name] = quote(answer[name])
        answer["EncodingType"] = encoding_type
        return answer

    provider.S3Provider.list_objects_v2 = list_objects_v2


def install_for_signed_urls() -> None:
    from localstack.aws.api import CommonServiceException
    from localstack.services.s3 import presigned_url

    original: Any = presigned_url.validate_presigned_url_s3v4
    is_signed: Any = presigned_url.is_presigned_url_request

    def is_presigned(context: Any) -> bool:
        if is_signed(context):
            return True
        if UNSIGNED in context.request.headers.get("Authorization", UNSIGNED):
            raise CommonServiceException("AccessDenied", "Access Denied", 403, sender_fault=True)
        return False

    def validate(context: Any) -> None:
        if any(len(context.request.args.getlist(name)) > 1 for name in context.request.args):
            raise CommonServiceException(SIGNING, "A parameter is there twice", 400, sender_fault=True)
        try:
            original(context)
        except (ValueError, KeyError, IndexError, OverflowError) as error:
            message = "Error parsing the parameters of the signature"
            raise CommonServiceException(SIGNING, message, 400, sender_fault=True) from error

    presigned_url.is_presigned_url_request = is_presigned
    presigned_url.validate_presigned_url_s3v4 = validate
