"""E-mail, where the environment names a server: without one nothing is sent, and the pages say everything anyway."""

import logging
from smtplib import SMTPException

from django.conf import settings
from django.core.mail import send_mail

logger = logging.getLogger(__name__)


def mail(to: str, subject: str, text: str) -> bool:
    """Send one; whether it left. A server that does not take it is logged and stops nothing."""
    if not settings.IS_EMAIL_SET or not to:
        return False
    try:
        return bool(send_mail(subject, text, None, [to]))
    except (OSError, SMTPException) as error:
        logger.warning("An e-mail could not be sent: %s", type(error).__name__)
        return False
