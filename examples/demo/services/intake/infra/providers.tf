terraform {
  required_version = ">= 1.9"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.80"
    }
  }

  backend "s3" {
    bucket  = "meridian-terraform-state"
    key     = "intake/terraform.tfstate"
    region  = "eu-west-1"
    encrypt = true
  }
}

provider "aws" {
  region = local.region

  default_tags {
    tags = local.tags
  }
}

# Analytics asked for their own copy of the uploads, close to the warehouse.
provider "aws" {
  alias  = "us"
  region = "us-east-1"
}

resource "aws_sqs_queue" "analytics" {
  provider                = aws.us
  name                    = "intake-analytics"
  sqs_managed_sse_enabled = true
}
