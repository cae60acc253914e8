"""Type parameters: what evaluates them is not a function of the program."""

type Alias = list[int]
type AliasNever[T] = dict[str, T]


def first[T](values: list[T]) -> T:
    return values[0]


def first_never[T: (int, str), *Ts, **P](values: list[T]) -> T:  # tomb: first_never
    return values[0]


class Box[T]:
    def __init__(self, value: T) -> None:
        self.value = value

    def get[U](self, other: U) -> tuple[T, U]:
        return self.value, other

    def never[U](self) -> U:  # tomb: Box::never
        raise NotImplementedError

    @property
    def item(self) -> T:
        return self.value


def inlined(values):
    return [v for v in values], {v for v in values}, {v: v for v in values}


def inlined_raises(values):
    return [1 / v for v in values]


def drive():
    results = [first([1]), Box(1).get("a"), Box(2).item, inlined([1])]
    results += [str(Alias.__value__), str(AliasNever[int]), Box.__type_params__[0].__name__]
    results += [str(first_never.__type_params__), str(first_never.__type_params__[0].__constraints__)]
    inlined_raises([1, 0])
    return results
