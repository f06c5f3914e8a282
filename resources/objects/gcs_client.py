"""How to make the client that the GCS store uses from settings. The client is google-cloud-storage's own.

The library is imported when a client is made: it is optional.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from platform_assets.core.errors import RefusedError
from resources.objects import failures

if TYPE_CHECKING:
    from google.cloud.storage import Client


@dataclass(frozen=True, slots=True)
class GCSAccess:
    """How to reach GCS. Credentials are the machine's Application Default Credentials.

    Attributes:
        project: Project that the client belongs to; None for the credentials' own.
        endpoint_url: Address of an emulator, which is used without credentials; None for Google.
    """

    project: str | None = None
    endpoint_url: str | None = None

    def connect(self) -> "Client":
        """A client that worker threads share.

        Raises:
            RefusedError: The library is not installed, or this machine has no credentials.
        """
        try:
            from google.auth.credentials import AnonymousCredentials  # noqa: PLC0415 - optional
            from google.auth.exceptions import GoogleAuthError  # noqa: PLC0415 - optional
            from google.cloud.storage import Client  # noqa: PLC0415 - optional
        except ImportError as error:
            raise failures.library_missing("gs:", "gcp", error) from error
        if self.endpoint_url is not None:
            return Client(
                project=self.project or "emulator",
                credentials=AnonymousCredentials(),
                client_options={"api_endpoint": self.endpoint_url},
            )
        try:
            return Client(project=self.project)
        except (GoogleAuthError, OSError) as error:
            raise RefusedError(
                f"connect to GCS failed: no usable Google credentials ({type(error).__name__}); "
                "run `gcloud auth application-default login` or give the machine a service account",
                kind="object_store_denied",
            ) from error
