from django import forms
from django.http import HttpResponse, JsonResponse
from django.template import engines
from django.urls import reverse
from django.views.generic import TemplateView, View


class Entry(forms.Form):
    name = forms.CharField(max_length=10)
    count = forms.IntegerField()

    def clean_name(self):
        return self.cleaned_data["name"].upper()

    def never(self):
        return 1


def index(request):
    source = "{% for i in items %}{{ i|add:1 }}{% empty %}none{% endfor %}{% now 'Y' %}"
    return HttpResponse(engines["django"].from_string(source).render({"items": [1, 2]}, request))


def item(request, number):
    return HttpResponse(reverse("item", args=[number]))


def as_json(request):
    return JsonResponse({"a": [1, 2]})


def fails(request):
    raise ValueError("a view that fails")


def form(request):
    entry = Entry(request.POST)
    if entry.is_valid():
        return HttpResponse(entry.cleaned_data["name"])
    return HttpResponse(entry.errors.as_json(), status=400)


def never(request):
    return HttpResponse("never")


class Page(View):
    def get(self, request):
        return HttpResponse("page")

    def post(self, request):
        return HttpResponse("never")


class Unused(TemplateView):
    def get_template_names(self):
        return []
