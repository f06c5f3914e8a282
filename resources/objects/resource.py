"""The object store as a Dagster resource: configuration in, a plain `ObjectStore` out.

No behaviour of stores belongs here. Without Dagster, `resources/objects/store.py` opens the same stores.
"""

from typing import TYPE_CHECKING, cast

from dagster import ConfigurableResource, InitResourceContext
from pydantic import Field

from platform_assets.core.objects import ObjectStore
from resources.objects import failures
from resources.objects.gcs_client import GCSAccess
from resources.objects.store import open_store

if TYPE_CHECKING:
    # Only their types: the clouds' libraries are optional.
    from google.cloud.storage import Client as GCSClient

    from resources.objects.s3_client import S3Client


class ObjectStoreResource(ConfigurableResource[ObjectStore]):
    """Opens the store at `url` for a run; an asset takes it as `ResourceParam[ObjectStore]`.

    Give `secret_access_key` as an `EnvVar`, so that it never shows in the configuration.
    """

    url: str = Field(
        description="file:///absolute/folder, s3://bucket/prefix or gs://bucket/prefix."
    )
    endpoint_url: str | None = Field(
        default=None, description="Address of an S3-compatible server or a GCS emulator."
    )
    region_name: str | None = Field(default=None, description="Region of the S3 bucket.")
    access_key_id: str | None = Field(
        default=None, description="S3 key id; unset for the machine's own credentials."
    )
    secret_access_key: str | None = Field(default=None, description="S3 secret of the key id.")
    project: str | None = Field(default=None, description="Google project of the GCS bucket.")

    def create_resource(self, context: InitResourceContext) -> ObjectStore:
        """The opened store.

        Raises:
            RefusedError: See `open_store`.
        """
        del context  # the configuration says all
        return open_store(
            self.url,
            s3_client_factory=self._connect_s3,
            gcs_client_factory=self._connect_gcs,
        )

    def _connect_s3(self) -> "S3Client":
        try:
            from dagster_aws.s3 import S3Resource  # noqa: PLC0415 - dagster-aws is optional
        except ImportError as error:
            raise failures.library_missing("s3:", "aws", error) from error
        resource = S3Resource(
            endpoint_url=self.endpoint_url,
            region_name=self.region_name,
            aws_access_key_id=self.access_key_id,
            aws_secret_access_key=self.secret_access_key,
        )
        return cast("S3Client", resource.get_client())

    def _connect_gcs(self) -> "GCSClient":
        return GCSAccess(project=self.project, endpoint_url=self.endpoint_url).connect()
