"""A walk through SymPy."""

from sympy import (
    Eq, Function, I, Matrix, Rational, Symbol, cos, diff, dsolve, expand, exp, factor, factorint,
    integrate, latex, limit, oo, pi, pretty, series, simplify, sin, solve, sqrt, symbols,
)

x, y = symbols("x y")
print(simplify(sin(x) ** 2 + cos(x) ** 2), expand((x + y) ** 5), factor(x**4 - 1))
print(diff(exp(x) * sin(x), x), integrate(x**2 * cos(x), x), limit(sin(x) / x, x, 0))
print(solve(x**2 - 2, x), solve([x + y - 1, x - y], [x, y]), series(cos(x), x, 0, 6))
print(Matrix([[1, 2], [3, 4]]).inv(), Matrix([[2, 0], [0, 3]]).eigenvals(), factorint(360360))
print(latex(Rational(1, 3) * sqrt(x)), pretty(x**2), (I * pi).evalf(20), (2 * x).subs(x, oo))
print(Symbol("n", integer=True) % 2, Eq(x, y), exp(1).evalf(30))
