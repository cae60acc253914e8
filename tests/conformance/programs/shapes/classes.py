"""Methods of every kind."""

import abc
import gc
import traceback

deleted = []


class Base:
    """A class."""

    def method(self):
        return "method"

    def method_never(self):  # tomb: Base::method_never
        return "never"

    @staticmethod
    def static():
        return "static"

    @staticmethod  # tomb: Base::static_never
    def static_never():
        return "never"

    @classmethod
    def class_method(cls):
        return cls.__name__

    @classmethod  # tomb: Base::class_method_never
    def class_method_never(cls):
        return "never"

    @property
    def value(self):
        return self._value

    @value.setter
    def value(self, new):
        self._value = new

    @value.deleter  # tomb: Base::value
    def value(self):
        del self._value

    @property  # tomb: Base::only_read_never
    def only_read_never(self):
        return 1

    def __mangled(self):
        return "mangled"

    def uses_mangled(self):
        return self.__mangled()

    def __mangled_never(self):  # tomb: Base::__mangled_never
        return 1

    class Inner:
        def method(self):
            return "inner"

        def never(self):  # tomb: Base.Inner::never
            return 1

        class Deeper:
            def never(self):  # tomb: Base.Inner.Deeper::never
                return 1

    attribute = lambda self: "lambda in a class"
    attribute_never = lambda self: 1  # tomb: Base::<lambda>


class Child(Base):
    def __init__(self, value):
        super().__init__()
        self.value = value

    def method(self):
        return super().method() + " of child"

    def cells(self):
        return __class__.__name__


class ChildNever(Base):
    def __init__(self):  # tomb: ChildNever::__init__
        super().__init__()

    def method(self):  # tomb: ChildNever::method
        return super().method()


class Overloaded:
    def twice(self):  # tomb: Overloaded::twice
        return 1

    def twice(self):
        return 2

    def thrice(self):  # tomb: Overloaded::thrice
        return 1

    def thrice(self):  # tomb: Overloaded::thrice
        return 2

    def thrice(self):  # tomb: Overloaded::thrice
        return 3


class Deleted:
    def __del__(self):
        deleted.append("deleted")


class DeletedNever:
    def __del__(self):  # tomb: DeletedNever::__del__
        deleted.append("never")


class DeletedCycle:
    def __init__(self):
        self.me = self

    def __del__(self):
        deleted.append("collected")


class DeletedRaising:
    def __del__(self):
        deleted.append("raising")


class Abstract(abc.ABC):
    @abc.abstractmethod  # tomb: Abstract::must
    def must(self):
        raise NotImplementedError

    def template(self):
        return self.must()


class Concrete(Abstract):
    def must(self):
        return "must"


class Meta(type):
    def __new__(mcls, name, bases, space, **more):
        return super().__new__(mcls, name, bases, space)

    def __call__(cls, *values):
        return super().__call__(*values)

    def never(cls):  # tomb: Meta::never
        return 1


class WithMeta(metaclass=Meta, flag=1):
    def __init_subclass__(cls, **more):
        deleted.append(f"subclass {cls.__name__} {more}")

    def __class_getitem__(cls, item):
        return f"{cls.__name__}[{item}]"


class SubOfMeta(WithMeta, other=2):
    pass


class Descriptor:
    def __set_name__(self, owner, name):
        self.name = name

    def __get__(self, instance, owner=None):
        return self.name

    def __set__(self, instance, value):  # tomb: Descriptor::__set__
        raise AttributeError


class Described:
    field = Descriptor()


def makes_a_class():
    class Local:
        def method(self):
            def deepest():
                return "deepest"

            def deepest_never():  # tomb: makes_a_class.<locals>.Local.method.<locals>.deepest_never
                return 1

            return deepest()

        def never(self):  # tomb: makes_a_class.<locals>.Local::never
            return 1

    return Local


def makes_a_class_never():  # tomb: makes_a_class_never
    class Local:
        def never(self):  # tomb: makes_a_class_never.<locals>.Local::never
            return 1


class Raises:
    def __init__(self):
        raise ValueError("no instance")


class Slotted:
    __slots__ = ("a",)

    def __init__(self): self.a = 1

    def get(self): return self.a


def drive():
    base, child = Base(), Child("v")
    results = [base.method(), base.static(), Base.class_method(), Child.class_method()]
    results += [child.value, child.method(), child.cells(), child.uses_mangled(), Base.Inner().method()]
    results += [base.attribute(), Overloaded().twice()]
    thing = Deleted()
    del thing
    DeletedRaising()
    DeletedCycle()
    gc.collect()
    results += [Concrete().template(), WithMeta[int], Described().field, SubOfMeta() is None]
    results += [makes_a_class()().method(), makes_a_class()().method(), Slotted().get()]
    try:
        Raises()
    except ValueError:
        results.append(traceback.format_exc())
    try:
        base.value
    except AttributeError:
        results.append(traceback.format_exc())
    return results + deleted
