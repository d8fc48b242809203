"""The client of the site that a profile remembers."""

from clients.endpoint.clock import now
from clients.profile import Profile
from shared.api.client import SiteAccess, SiteClient


def site_client(profile: Profile) -> SiteClient:
    """Calls the API of the profile's site with the profile's token.

    Raises:
        BadSettings: no site is known, or its authority cannot be read.
    """
    access = SiteAccess(profile.require_site(), profile.ca_file, profile.token)
    return SiteClient(access, now)
