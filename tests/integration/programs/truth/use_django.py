"""`manage.py check` and the test client on a small project."""

import os
import sys

os.environ["DJANGO_SETTINGS_MODULE"] = "site_project.settings"

from django.core.management import execute_from_command_line

for words in (
    ["check"],
    ["migrate", "-v", "0"],
    ["makemigrations", "--check", "--dry-run", "-v", "0"],
    ["diffsettings"],
):
    try:
        execute_from_command_line(["manage.py", *words])
    except SystemExit as end:
        print(words, end.code, file=sys.stderr)

from django.contrib.auth import get_user_model
from django.test import Client
from django.test.utils import setup_test_environment

setup_test_environment()
User = get_user_model()
User.objects.create_superuser("admin", "admin@example.org", "secret")
client = Client(raise_request_exception=False)
for path in ("/", "/items/7/", "/items/x/", "/json/", "/fails/", "/class/", "/admin/", "/missing/"):
    print(path, client.get(path).status_code)
print(client.post("/form/", {"name": "a", "count": "3"}).content.decode())
print(client.post("/form/", {"name": "", "count": "x"}).status_code)
print(client.login(username="admin", password="secret"), client.login(username="admin", password="no"))
client.login(username="admin", password="secret")
for path in ("/admin/", "/admin/auth/user/", "/admin/auth/user/add/", "/admin/auth/user/1/change/"):
    print(path, client.get(path).status_code)
print(User.objects.filter(username__startswith="a").order_by("-pk").values_list("username"))
client.logout()
