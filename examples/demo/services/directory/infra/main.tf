terraform {
  required_version = ">= 1.9"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 6.0"
    }
  }
}

provider "aws" {
  region = var.region
}

provider "aws" {
  alias  = "frankfurt"
  region = local.second_region
}

locals {
  name          = "directory"
  second_region = "eu-central-1"
}
