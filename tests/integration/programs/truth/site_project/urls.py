from django.contrib import admin
from django.urls import path

from site_project import views

urlpatterns = [
    path("", views.index),
    path("items/<int:number>/", views.item, name="item"),
    path("json/", views.as_json),
    path("fails/", views.fails),
    path("class/", views.Page.as_view()),
    path("form/", views.form),
    path("never/", views.never),
    path("admin/", admin.site.urls),
]
