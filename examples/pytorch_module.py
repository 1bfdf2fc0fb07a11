"""A module of PyTorch, and a function with a backward step of its own.

`check_torch` checks the parameters of a module and those inputs that require a gradient, by the
names that PyTorch has for them; in double precision, without changing the module.
"""

import sys

try:
    import torch
except ModuleNotFoundError as error:
    print(f"{error}; this needs PyTorch: pip install -e '.[torch]'", file=sys.stderr)
    sys.exit(2)

from gradcheck import assert_torch, check_torch


class Swish(torch.autograd.Function):
    """x sigmoid(x), with a backward step that keeps x alone."""

    @staticmethod
    def forward(ctx, x):
        """The value."""
        ctx.save_for_backward(x)
        return x * torch.sigmoid(x)

    @staticmethod
    def backward(ctx, dout):
        """Its derivative times what comes in."""
        (x,) = ctx.saved_tensors
        s = torch.sigmoid(x)
        return dout * (s + x * s * (1 - s))


class WrongSwish(Swish):
    """The same, without the second term of the product rule."""

    @staticmethod
    def backward(ctx, dout):
        """Something else."""
        (x,) = ctx.saved_tensors
        return dout * torch.sigmoid(x)


class Classifier(torch.nn.Module):
    """A network that uses the function."""

    def __init__(self):
        super().__init__()
        self.hidden = torch.nn.Linear(4, 3)
        self.output = torch.nn.Linear(3, 2)

    def forward(self, x, labels):
        """Cross-entropy of a batch."""
        scores = self.output(Swish.apply(self.hidden(x)))
        return torch.nn.functional.cross_entropy(scores, labels)


def main():
    """Check a network with the right function, then the wrong function alone."""
    torch.manual_seed(0)
    x, labels = torch.randn(5, 4), torch.tensor([0, 1, 1, 0, 1])

    print("A network with the right function")
    print(assert_torch(Classifier(), x, labels))

    print("\nThe wrong function alone")
    print(check_torch(WrongSwish.apply, x.requires_grad_()))


if __name__ == "__main__":
    main()
