"""What an error of google-cloud-storage means for the GCS store: one table from exception to error.

Only statuses and exception names go into messages.
"""

from google.api_core.exceptions import (
    Forbidden,
    GoogleAPICallError,
    NotFound,
    PreconditionFailed,
    Unauthorized,
)
from google.auth.exceptions import GoogleAuthError, TransportError

from platform_assets.core.errors import PlatformError
from resources.objects import failures


def translate_gcs_error(error: Exception, action: str, url: str, bucket: str) -> PlatformError:
    """The platform's error for what the library raised while doing `action` on `url`.

    A `NotFound` here is the bucket's: the store handles a missing object itself. What is neither an answer of
    GCS nor about credentials is a broken connection.
    """
    name = type(error).__name__
    if isinstance(error, GoogleAPICallError):
        return _translate_answer(error, action, url, bucket)
    if isinstance(error, GoogleAuthError) and not isinstance(error, TransportError):
        advice = f"check the Google credentials and their rights on the bucket {bucket}"
        return failures.refused(action, url, f"no valid token ({name})", advice, kind="denied")
    return failures.busy(action, url, f"the connection to GCS broke ({name})")


def _translate_answer(
    error: GoogleAPICallError, action: str, url: str, bucket: str
) -> PlatformError:
    status = int(error.code or 0)
    reason = f"GCS answered {status} {type(error).__name__}"
    if isinstance(error, NotFound):
        advice = f"create the bucket {bucket} or correct the store's URL"
        return failures.refused(action, url, reason, advice, kind="bucket_missing")
    if isinstance(error, PreconditionFailed):
        return failures.changed(url)
    if isinstance(error, Unauthorized | Forbidden):
        advice = f"check the credentials and their rights on the bucket {bucket}"
        return failures.refused(action, url, reason, advice, kind="denied")
    if status >= 500 or status in (408, 429):
        return failures.busy(action, url, reason)
    advice = "look the status up in the GCS JSON API reference"
    return failures.refused(action, url, reason, advice, kind="io")
