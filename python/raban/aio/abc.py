"""What programs subclass for asyncio, as in aiokafka."""

from __future__ import annotations

from abc import ABC, abstractmethod

__all__ = ["AbstractTokenProvider"]


class AbstractTokenProvider(ABC):
    """Gives the tokens of SASL/OAUTHBEARER. Give it as `sasl_oauth_token_provider`.

    A producer refuses it, as all of SASL, until raban has SASL.
    """

    @abstractmethod
    async def token(self) -> str:
        """A token that hasn't expired; the same one as before as long as that holds."""

    def extensions(self) -> dict[str, str]:
        """Keys and values to be sent beside the token; none unless overridden."""
        return {}
