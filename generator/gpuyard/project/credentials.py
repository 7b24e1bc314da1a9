"""What a site asks of who reaches something: a proxy, certificate authorities, and how Prometheus is shown who asks."""

from dataclasses import dataclass

from gpuyard.project.parts import SecretKey

__all__ = ["CertificateAuthority", "PrometheusAuth", "Proxy"]


@dataclass(frozen=True, slots=True)
class BasicAuth:
    """A user and a password, as keys of a Secret in the models' namespace."""

    secret: str
    username_key: str
    password_key: str


@dataclass(frozen=True, slots=True)
class ClientCertificate:
    """A certificate and its key, as keys of a Secret in the models' namespace."""

    secret: str
    cert_key: str
    key_key: str


@dataclass(frozen=True, slots=True)
class PrometheusAuth:
    """How KEDA shows Prometheus who it is; one of them."""

    bearer: SecretKey | None = None
    basic: BasicAuth | None = None
    tls: ClientCertificate | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxy:
    """By which pods reach what is outside, by the scheme of its address; `no` is reached without."""

    http: str | None = None
    https: str
    no: tuple[str, ...]
    secret: str | None = None
    """With its address, for the engine; None: the engine has it in its own environment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateAuthority:
    """A site's own, in a Secret or a ConfigMap of the models' namespace."""

    secret: str | None = None
    config_map: str | None = None
    key: str

    @property
    def kind(self) -> str:
        """Of the object that holds it."""
        return "Secret" if self.secret else "ConfigMap"

    @property
    def name(self) -> str:
        """Of that object."""
        return self.secret or self.config_map or ""
