"""What an error of boto3 means for the S3 store: one table from error code to error.

Only codes and exception names go into messages: the SDK's texts may hold key ids.
"""

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    NoCredentialsError,
    ParamValidationError,
    PartialCredentialsError,
    ProfileNotFound,
)

from platform_assets.core.errors import PlatformError
from resources.objects import failures

MISSING = frozenset({"NoSuchKey", "NotFound", "404"})
PAST_END = frozenset({"InvalidRange", "416"})

# NoSuchUpload: the last call of an upload was sent again although it had succeeded.
_CONFLICT = frozenset({"NoSuchUpload", "PreconditionFailed", "412"})
_DENIED = frozenset(
    {
        "AccessDenied",
        "AccountProblem",
        "AllAccessDisabled",
        "ExpiredToken",
        "InvalidAccessKeyId",
        "InvalidToken",
        "SignatureDoesNotMatch",
        "RequestTimeTooSkewed",
        "TokenRefreshRequired",
        "401",
        "403",
    }
)
_ELSEWHERE = frozenset(
    {"AuthorizationHeaderMalformed", "IllegalLocationConstraintException", "PermanentRedirect"}
)
# ConditionalRequestConflict: two conditional writes met in flight, and S3 asks to send this one again.
_BUSY = frozenset(
    {
        "ConditionalRequestConflict",
        "RequestTimeout",
        "SlowDown",
        "Throttling",
        "ThrottlingException",
    }
)
_UNUSABLE = (NoCredentialsError, ParamValidationError, PartialCredentialsError, ProfileNotFound)


def read_code(error: ClientError) -> str:
    """The error code that S3 sent, such as `NoSuchKey`; the status as text where it sent none."""
    return str(error.response.get("Error", {}).get("Code", ""))


def translate_s3_error(
    error: ClientError | BotoCoreError, action: str, url: str, bucket: str
) -> PlatformError:
    """The platform's error for what boto3 raised while doing `action` on `url`."""
    if isinstance(error, ClientError):
        return _translate_answer(error, action, url, bucket)
    name = type(error).__name__
    if isinstance(error, _UNUSABLE):
        advice = "check the region, endpoint and credentials in the settings"
        return failures.refused(action, url, f"boto3 said {name}", advice, kind="denied")
    return failures.busy(action, url, f"the connection to S3 broke ({name})")


def _translate_answer(error: ClientError, action: str, url: str, bucket: str) -> PlatformError:
    code = read_code(error)
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    reason = f"S3 answered {status} {code}"
    if code in MISSING:
        return failures.missing(url)
    if code in _CONFLICT:
        return failures.changed(url)
    if code in _BUSY or status >= 500 or status in (408, 429):
        return failures.busy(action, url, reason)
    kind, advice = _advise(code, bucket)
    return failures.refused(action, url, reason, advice, kind=kind)


def _advise(code: str, bucket: str) -> tuple[str, str]:
    if code == "NoSuchBucket":
        return "bucket_missing", f"create the bucket {bucket} or correct the store's URL"
    if code in _DENIED:
        return "denied", f"check the credentials and their rights on the bucket {bucket}"
    if code in _ELSEWHERE:
        return "denied", f"set the region of the bucket {bucket} in the settings"
    return "io", "look the code up in the S3 API reference"
