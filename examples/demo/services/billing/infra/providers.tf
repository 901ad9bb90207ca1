terraform {
  required_version = ">= 1.9"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.80"
    }
  }
}

provider "aws" {
  region = var.aws_region
}

# The clearing house wants its files from an address in London.
provider "aws" {
  alias  = "london"
  region = "eu-west-2"
}
