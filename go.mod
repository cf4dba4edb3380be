module github.com/podknock/podknock

go 1.26.0
