def pytest_addoption(parser):
    parser.addoption("--programs", help="the folder of the programs")
