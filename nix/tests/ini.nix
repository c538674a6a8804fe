# The example of nix/options.nix and the corners of nix/ini.nix. Builtins only: `nix-instantiate --eval`.
let
  ini = import ../ini.nix;
  fails = value: !(builtins.tryEval (builtins.deepSeq value value)).success;
  project = {
    Project = {
      WorkDirectory = "~/src/website";
      AgentArguments = "--model opus -p \"say 'hi' ; now\"";
      ReadOnly = true;
      Home = null;
    };
    VM = {
      Memory = "8G";
      CPUs = 2;
    };
    Network.Publish = [
      "3000:3000"
      "8080:80"
    ];
    Environment.GREETING = "hello ; 100%";
    Credentials.ANTHROPIC_API_KEY = /home/someone/key;
    Install.WantedBy = "default.target";
  };
  expected = ''
    [Credentials]
    ANTHROPIC_API_KEY=/home/someone/key
    [Environment]
    GREETING=hello ; 100%
    [Install]
    WantedBy=default.target
    [Network]
    Publish=3000:3000
    Publish=8080:80
    [Project]
    AgentArguments=--model opus -p "say 'hi' ; now"
    ReadOnly=yes
    WorkDirectory=~/src/website
    [VM]
    CPUs=2
    Memory=8G
  '';
in
assert ini.toIni project == expected;
assert ini.toIni { } == "";
assert fails (ini.toIni { Project.WorkDirectory = "/a\nHome=/etc"; });
assert fails (ini.toIni { Project.WorkDirectory = "/a\rHome=/etc"; });
assert fails (ini.toIni { Project.WorkDirectory.path = "/a"; });
assert ini.isName "web_1.x-y";
assert !ini.isName "-web";
assert !ini.isName "claude-vm.web";
assert !ini.isName "a/b";
assert !ini.isName "";
expected
