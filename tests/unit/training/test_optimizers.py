"""Optimizers: the same steps as torch's, without its compiler."""

import pytest
import torch

from paradime._registry import OPTIMIZERS
from paradime.training import TrainingPhase
from paradime.training.optimizers import make_optimizer

pytestmark = pytest.mark.usefixtures("few_first_steps")


def steps(optimizer_of, n=5):
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Tanh(), torch.nn.Linear(8, 1))
    X = torch.randn(20, 4)
    optimizer = optimizer_of(list(model.parameters()))
    for _ in range(n):
        optimizer.zero_grad()
        model(X).square().mean().backward()
        optimizer.step()
    return torch.cat([p.detach().reshape(-1) for p in model.parameters()])


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        (torch.optim.Adam, {"lr": 0.01}),
        (torch.optim.Adam, {"lr": 0.01, "weight_decay": 0.1, "amsgrad": True}),
        (torch.optim.Adam, {"lr": 0.01, "foreach": True}),
        (torch.optim.AdamW, {"lr": 0.01}),
        (torch.optim.SGD, {"lr": 0.01, "momentum": 0.9, "nesterov": True}),
        (torch.optim.RMSprop, {"lr": 0.01}),
        (torch.optim.Adagrad, {"lr": 0.01}),
        (torch.optim.NAdam, {"lr": 0.01}),
        (torch.optim.RAdam, {"lr": 0.01}),
    ],
)
def test_steps_are_those_of_torch(kind, settings):
    found = steps(lambda parameters: make_optimizer(kind, parameters, **settings))
    assert torch.allclose(found, steps(lambda parameters: kind(parameters, **settings)), atol=1e-6)


@pytest.mark.parametrize("name", ["adam", "adamw", "nadam", "radam", "adagrad", "rmsprop", "sgd"])
def test_optimizers_of_the_grammar_descend(name):
    parameter = torch.nn.Parameter(torch.tensor([3.0]))
    optimizer = TrainingPhase(optimizer=OPTIMIZERS[name], learning_rate=0.1).make_optimizer([parameter])
    for _ in range(20):
        optimizer.zero_grad()
        parameter.square().sum().backward()
        optimizer.step()
    assert abs(float(parameter.detach())) < 2.9


def test_optimizers_that_need_a_closure_work():
    parameter = torch.nn.Parameter(torch.tensor([3.0]))
    optimizer = make_optimizer(torch.optim.LBFGS, [parameter], lr=0.5)

    def closure():
        optimizer.zero_grad()
        loss = parameter.square().sum()
        loss.backward()
        return loss

    for _ in range(5):
        optimizer.step(closure)
    assert abs(float(parameter.detach())) < 1e-3


def test_schedulers_and_instance_checks_know_the_optimizer():
    optimizer = make_optimizer(torch.optim.Adam, [torch.nn.Parameter(torch.ones(2))], lr=0.1)
    assert isinstance(optimizer, torch.optim.Adam)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 1)
    optimizer.param_groups[0]["params"][0].grad = torch.ones(2)
    optimizer.step()
    scheduler.step()
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.01)


def test_functions_and_classes_of_others_are_called_as_they_are():
    made = []

    class Own(torch.optim.SGD):
        pass

    def function(parameters, lr):
        made.append((parameters, lr))
        return Own(parameters, lr=lr)

    parameters = [torch.nn.Parameter(torch.ones(1))]
    assert type(make_optimizer(function, parameters, lr=0.5)) is Own
    assert type(make_optimizer(Own, parameters, lr=0.5)) is Own
    assert made == [(parameters, 0.5)]


def test_neither_training_nor_specifications_import_the_compiler(forked):
    code = (
        "import sys, torch, paradime.dr as dr, paradime.relations as r, paradime.loss as l\n"
        "routine = dr.ParametricDR(global_relations=r.PDist(), batch_relations=r.DifferentiablePDist(),\n"
        "    losses=l.RelationLoss(torch.nn.MSELoss()))\n"
        "routine.add_training_phase(epochs=1)\n"
        "routine.train(torch.randn(20, 3))\n"
        "from paradime.estimators import ParametricUMAP\n"
        "ParametricUMAP().to_spec()\n"  # which tries the model without memory
        "assert 'torch._dynamo' not in sys.modules\n"
    )
    process = forked(code)  # which has imported the library, and no more
    process.join()
    assert process.exitcode == 0
